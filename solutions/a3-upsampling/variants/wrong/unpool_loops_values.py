"""Puts one value after the other."""

import torch

FAILS = {"max_unpool2d": "loops"}
HINT = "You probably go through the values one after the other; a scattering operator with a reduction takes them all."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    y, lowest = values.new_zeros(planes), values.new_full(planes, -torch.inf)
    for one in range(at.shape[2]):
        here, value = at[..., one : one + 1], values.flatten(2)[..., one : one + 1]
        lowest = lowest.scatter(2, here, torch.maximum(lowest.gather(2, here), value))
        y = y.scatter(2, here, lowest.gather(2, here))
    return y.unflatten(2, (height, width))
