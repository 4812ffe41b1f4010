"""Copies instead of interpolating."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably wrote weights that copy; those of bilinear interpolation fall in equal steps from the centre."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return ((torch.arange(k) - (k - 1) / 2).abs() < f / 2).float()

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
