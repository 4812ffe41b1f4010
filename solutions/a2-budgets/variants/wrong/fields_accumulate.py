"""Lets `itertools.accumulate` go through the layers."""

from itertools import accumulate

import torch

FAILS = {"receptive_fields": "loops"}
HINT = (
    "You probably used `accumulate` with a function of yours, which is called once for each layer: PyTorch's "
    "running sums are not."
)


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d) or (torch.cat([k, s, d]) < 1).any():
        raise ValueError("this is no stack")
    jumps = list(accumulate(s.tolist(), lambda a, b: a * b))
    before = torch.tensor([1, *jumps][:-1] if jumps else [], dtype=torch.int64)
    return 1 + (d * (k - 1) * before).cumsum(0), torch.tensor(jumps, dtype=torch.int64)
