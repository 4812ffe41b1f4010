"""Takes the output size as (columns, rows)."""

import torch

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably exchanged rows and columns of the output; try a plane that is not a square."


def max_unpool2d(values, indices, output_size):
    width, height = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_full(planes, -torch.inf).scatter_reduce(2, at, values.flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
