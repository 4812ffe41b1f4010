"""Returns weights of no channels."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably check the factor and not the channels."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
