"""Makes the weights sum to one."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably divided by the sum of the weights; an output meets only some of them, and those sum to one."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        t = 1 - (torch.arange(k) - (k - 1) / 2).abs() / f
        return t / t.sum()

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
