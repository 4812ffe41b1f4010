"""Uses the vertical factor for both axes."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably used one number of the pair for both axes; try a factor with unlike halves."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fh))
