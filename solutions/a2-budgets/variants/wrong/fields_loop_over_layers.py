"""The recurrence, one layer after another."""

import torch

FAILS = {"receptive_fields": "loops"}
HINT = (
    "You probably went through the layers one by one: what each step adds is known beforehand, so a running sum "
    "and a running product do it at once."
)


def receptive_fields(kernels, strides, dilations=None):
    kernels, strides = torch.as_tensor(kernels).tolist(), torch.as_tensor(strides).tolist()
    dilations = [1] * len(kernels) if dilations is None else torch.as_tensor(dilations).tolist()
    if not len(kernels) == len(strides) == len(dilations) or min([*kernels, *strides, *dilations, 1]) < 1:
        raise ValueError("this is no stack")
    r, j, sizes, jumps = 1, 1, [], []
    for k, s, d in zip(kernels, strides, dilations, strict=True):
        r, j = r + d * (k - 1) * j, j * s
        sizes.append(r)
        jumps.append(j)
    return torch.tensor(sizes, dtype=torch.int64), torch.tensor(jumps, dtype=torch.int64)
