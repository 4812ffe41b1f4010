"""Adds the weights of the axes instead of multiplying them."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably added what belongs multiplied; look at the corner of the kernel for factor 2."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.eye(channels)[:, :, None, None] * (tent(fh)[:, None] + tent(fw) - 1).clamp(min=0)
