"""Clamps what makes no sense."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably turn parameters that make no sense into ones that do; the text asks for an error."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    fh, fw, channels = max(fh, 1), max(fw, 1), max(channels, 1)

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
