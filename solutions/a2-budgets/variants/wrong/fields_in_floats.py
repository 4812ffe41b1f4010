"""Computes in float64 and rounds at the end."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = "You probably computed in floating point: it holds about 16 digits, so large whole numbers are rounded."


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.double().cumprod(0)
    before = jumps / s
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes.round().long(), jumps.round().long()
