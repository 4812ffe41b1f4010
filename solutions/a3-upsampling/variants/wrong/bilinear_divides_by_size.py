"""Lets the weights fall to zero at the kernel's ends."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = (
    "You probably divided by half of the kernel's size; the weights fall by one over the factor from one to the next."
)


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / max((k - 1) / 2, 1)

    return torch.eye(channels)[:, :, None, None] * torch.outer(tent(fh), tent(fw))
