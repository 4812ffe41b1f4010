"""Divides by zero where the factor is 1."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably divide by the factor less one; think about the factor 1."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        t = 1 - (torch.arange(k) - (k - 1) / 2).abs() / f
        return t * (f - 1.0) / (f - 1.0) if f > 1 else t / 0.0

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
