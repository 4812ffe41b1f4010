"""Makes products of strides from sums of logarithms."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = (
    "You probably took the exponential of summed logarithms: that is not exact for large numbers, and a running "
    "product is."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = s.double().log().cumsum(0).exp().round().long()
    before = jumps // s
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
