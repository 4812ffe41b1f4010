"""Adds up the kernels as if no layer had a stride."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = (
    "You probably added the kernels without the jumps: after a stride, neighbouring taps of the next layer are "
    "more than one pixel apart."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = torch.ones_like(s)
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
