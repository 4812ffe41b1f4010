"""Takes the mean of the values of an index."""

import torch

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably average where values meet; look at what the text says of an index that comes several times."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_zeros(planes).scatter_reduce(2, at, values.flatten(2), "mean", include_self=False)
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
