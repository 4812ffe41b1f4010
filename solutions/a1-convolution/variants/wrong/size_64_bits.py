"""Works in integers of 64 bits."""

import torch

FAILS = {"output_size": "error"}


def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1 or p < 0 or n + 2 * p < d * (k - 1) + 1:
        raise ValueError("this window does not fit")
    n, k, s, p, d = (torch.tensor(v) for v in (n, k, s, p, d))
    return int(torch.div(n + 2 * p - d * (k - 1) - 1, s, rounding_mode="floor")) + 1
