"""Looks at the dilation of windows of several pixels only."""

FAILS = {"output_size": "wrong"}


def output_size(n, k, s=1, p=0, d=1):
    if min(k, s) < 1 or (k > 1 and d < 1) or p < 0 or n + 2 * p < d * (k - 1) + 1:
        raise ValueError("this window does not fit")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
