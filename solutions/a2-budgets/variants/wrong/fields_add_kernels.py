"""Adds the whole kernel of each layer instead of its gaps."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = (
    "You probably added k for each layer: the new field overlaps the old one, and only the gaps between the taps "
    "add to it."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = jumps // s
    sizes = 1 + (d * k * before).cumsum(0)
    return sizes, jumps
