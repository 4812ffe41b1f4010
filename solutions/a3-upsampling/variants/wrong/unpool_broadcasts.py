"""Broadcasts indices of one plane to all."""

import torch

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably let the two shapes broadcast; the text asks for an error."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    try:
        indices = indices.expand(values.shape)
    except RuntimeError:
        raise ValueError("values and indices differ in shape") from None
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    largest = values.new_full(planes, -torch.inf).scatter_reduce(2, at, values.flatten(2), "amax")
    filled = torch.zeros(planes, dtype=torch.bool).scatter(2, at, True)
    return torch.where(filled, largest, 0).unflatten(2, (height, width))
