"""Leaves out indices that are outside."""

import torch

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably leave out what does not fit; the text asks for an error."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    inside = (indices >= 0) & (indices < height * width)
    indices = torch.where(inside, indices, 0)
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_full(planes, -torch.inf).scatter_reduce(2, at, values.flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
