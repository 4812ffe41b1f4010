"""Counts a range, which takes steps backwards as well: of the strides it refuses only 0."""

FAILS = {"output_size": "wrong"}


def output_size(n, k, s=1, p=0, d=1):
    if min(k, d) < 1 or p < 0:
        raise ValueError("this window does not fit")
    count = len(range(0, n + 2 * p - d * (k - 1), s))
    if count == 0:
        raise ValueError("no window fits")
    return count
