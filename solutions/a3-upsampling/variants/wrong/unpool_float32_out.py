"""Gives float32 whatever came in."""

import torch

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably made the result without telling its dtype; look at what `torch.zeros` gives when nobody tells it."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = torch.full(planes, -torch.inf).scatter_reduce(2, at, values.float().flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
