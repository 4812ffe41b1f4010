"""Lets a single stride stand for all layers instead of refusing it."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = "You probably let a tensor of one number be broadcast over all layers: compare the lengths before you compute."


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if len({1, len(k), len(s), len(d)}) > 2 or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    layers = max(len(k), len(s), len(d))
    k, s, d = (v.expand(layers) for v in (k, s, d))
    jumps = s.cumprod(0)
    before = jumps // s
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
