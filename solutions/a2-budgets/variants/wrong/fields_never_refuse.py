"""Never looks at its arguments."""

import torch

FAILS = {"receptive_fields": "wrong"}
HINT = "You probably did not check the numbers: a kernel, a stride or a dilation below 1 has no meaning."


def receptive_fields(kernels, strides, dilations=None):
    k = torch.as_tensor(kernels, dtype=torch.int64)
    s = torch.as_tensor(strides, dtype=torch.int64)
    d = torch.ones_like(k) if dilations is None else torch.as_tensor(dilations, dtype=torch.int64)
    if not len(k) == len(s) == len(d):
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = torch.cat([s[:1] * 0 + 1, jumps[:-1]])
    sizes = 1 + (d * (k - 1) * before).cumsum(0)
    return sizes, jumps
