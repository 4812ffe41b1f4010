"""Turns the strides into jumps in place."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = (
    "You probably used an operation whose name ends in an underscore on what came in: it changes the caller's tensor."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    own = s.clone()
    jumps = s.cumprod_(0)
    before = jumps // own
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
