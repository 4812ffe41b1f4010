"""Rounds the last step up, as if hanging windows counted."""

FAILS = {"output_size": "wrong"}


def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1 or p < 0 or n + 2 * p < d * (k - 1) + 1:
        raise ValueError("this window does not fit")
    return -((d * (k - 1) + 1 - n - 2 * p) // s) + 1
