"""One window, and as many as fit into the rest: a loop without the word."""

FAILS = {"output_size": "loops"}


def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1 or p < 0 or d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("this window does not fit")
    return windows(n + 2 * p - d * (k - 1) - 1, s)


def windows(room, s):
    return 0 if room < 0 else 1 + windows(room - s, s)
