"""Fills only the first channel's weights."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably filled the weights of one channel; each channel has the same kernel from itself to itself."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    w = torch.zeros(channels, channels, len(tent(fh)), len(tent(fw)))
    w[0, 0] = torch.outer(tent(fh), tent(fw))
    return w
