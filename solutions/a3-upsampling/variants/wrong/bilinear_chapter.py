"""Returns the plain kernel, without channels and pairs."""

import torch

FAILS = {"bilinear_kernel": "error"}
HINT = (
    "You probably returned the kernel of one channel only; the text asks for a tensor with four axes, and a "
    "factor may be a pair."
)


def bilinear_kernel(s, channels):
    k = 2 * s - s % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / s
    return torch.outer(tent, tent)
