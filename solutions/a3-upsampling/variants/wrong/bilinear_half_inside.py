"""Rounds the weights through float16."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably passed through half precision; look at the weights of a large factor."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    kernel = torch.outer(tent(fh), tent(fw)).half().float()
    return torch.eye(channels)[:, :, None, None] * kernel
