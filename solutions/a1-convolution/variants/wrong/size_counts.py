"""Moves the window step by step and counts."""

FAILS = {"output_size": "loops"}


def output_size(n, k, s=1, p=0, d=1):
    end = d * (k - 1) + 1
    if min(k, s, d) < 1 or p < 0 or end > n + 2 * p:
        raise ValueError("this window does not fit")
    count = 0
    while end <= n + 2 * p:
        count, end = count + 1, end + s
    return count
