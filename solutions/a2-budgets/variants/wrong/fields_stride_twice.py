"""Multiplies the jump of a layer twice with the stride of the layer before it."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = (
    "You probably counted a stride twice, in the jump and again beside it: the jump before a layer holds each "
    "earlier stride once."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = (jumps // s) * torch.cat([s[:1] * 0 + 1, s[:-1]])
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
