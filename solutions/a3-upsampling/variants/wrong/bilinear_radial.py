"""Falls with the distance from the centre in both axes together."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably took the distance in the plane; the weights are products of those along the axes."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    tall, wide = 1 - tent(fh), 1 - tent(fw)
    kernel = (1 - torch.hypot(tall[:, None], wide)).clamp(min=0)
    return torch.eye(channels)[:, :, None, None] * kernel
