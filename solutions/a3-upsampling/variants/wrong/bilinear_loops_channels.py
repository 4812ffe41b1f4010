"""Fills one channel after the other."""

import torch

FAILS = {"bilinear_kernel": "loops"}
HINT = "You probably go through the channels; a diagonal can be filled at once."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    kernel = torch.outer(tent(fh), tent(fw))
    w = torch.zeros(channels, channels, *kernel.shape)
    for channel in range(channels):
        w[channel, channel] = kernel
    return w
