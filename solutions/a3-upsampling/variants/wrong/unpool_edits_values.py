"""Clears the values after putting them back."""

import torch

FAILS = {"max_unpool2d": "error"}
HINT = "You probably changed the values themselves; whoever called your function still needs them."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_full(planes, -torch.inf).scatter_reduce(2, at, values.flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    y = torch.where(filled, largest, 0).unflatten(2, (height, width))
    values.detach().zero_()
    return y
