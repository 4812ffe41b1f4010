"""Calls PyTorch's own."""

import torch

FAILS = {"max_unpool2d": "forbidden"}
HINT = "You called the operator that this exercise asks you to write; scatter the values yourself."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    return torch.ops.aten.max_unpool2d(values, indices, [height, width])
