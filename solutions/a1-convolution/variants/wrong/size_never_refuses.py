"""Knows the formula and returns whatever it gives, also where no window fits."""

FAILS = {"output_size": "wrong"}


def output_size(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // max(s, 1) + 1
