"""Refuses a window that is longer than the axis, though padding makes room for it."""

FAILS = {"output_size": "error"}


def output_size(n, k, s=1, p=0, d=1):
    if k > n or min(k, s, d) < 1 or p < 0 or n + 2 * p < d * (k - 1) + 1:
        raise ValueError("this window does not fit")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
