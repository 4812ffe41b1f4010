"""Keeps the small integer dtype of the tensors that came in."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = "You probably multiplied in the dtype that came in: small integer dtypes overflow without a message."


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = (jumps // s).to(k.dtype)
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
