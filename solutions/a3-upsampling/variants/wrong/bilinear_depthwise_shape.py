"""Returns the weights of a grouped layer."""

import torch

FAILS = {"bilinear_kernel": "wrong"}
HINT = "You probably returned one kernel for each channel, as a grouped layer has it; here there is one for each pair."


def bilinear_kernel(factor, channels):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("factor and channels should be at least 1")

    def tent(f):
        k = 2 * f - f % 2
        return 1 - (torch.arange(k) - (k - 1) / 2).abs() / f

    return torch.outer(tent(fh), tent(fw)).expand(channels, 1, -1, -1).clone()
