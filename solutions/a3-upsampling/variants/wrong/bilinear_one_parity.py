"""Takes the parity of the vertical factor for both axes."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably computed size and centre once for both axes; one factor may be even and the other odd."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - fh % 2
        return (1 - (torch.arange(k) - (k - 1) / 2).abs() / f).clamp(min=0)

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
