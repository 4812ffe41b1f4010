"""Computes one weight after the other."""

import torch

FAILS = {"bilinear_kernel": "loops"}
HINT = "You probably go through the weights; the whole axis can be computed at once."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return torch.tensor([1 - abs(a - (k - 1) / 2) / f for a in range(k)])

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
