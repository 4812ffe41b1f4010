"""Calls PyTorch's own."""

import torch.nn.functional as F

FAILS = {"upsample_nearest": "forbidden"}
HINT = "You called the operator that this exercise asks you to write; indexing or `expand` are enough."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    _n, _c, _h, _w = x.shape
    return F.interpolate(x.double(), scale_factor=(fh, fw), mode="nearest").to(x.dtype)
