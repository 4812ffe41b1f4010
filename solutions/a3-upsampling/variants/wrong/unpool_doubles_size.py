"""Makes the output twice as large as the values."""

import torch

FAILS = {"max_unpool2d": "error"}
HINT = "You probably derived the output's size from the values; the caller tells it."


def max_unpool2d(values, indices, output_size):
    height, width = 2 * values.shape[2], 2 * values.shape[3]
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_full(planes, -torch.inf).scatter_reduce(2, at, values.flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
