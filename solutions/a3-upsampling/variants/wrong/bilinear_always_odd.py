"""Makes 2f − 1 weights whatever the factor."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably used the size of odd factors for even ones too; the kernel of an even factor has a weight more."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - 1
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
