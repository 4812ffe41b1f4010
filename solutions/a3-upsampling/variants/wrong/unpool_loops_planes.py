"""Goes through images and channels."""

import torch

FAILS = {"max_unpool2d": "loops"}
HINT = (
    "You probably go through the planes one after the other; scattering takes an axis, and the others are left"
    " as they are."
)


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    _planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    empty = values.new_zeros(height * width)
    y = [
        empty.scatter_reduce(0, place, value, "amax", include_self=False)
        for place, value in zip(at.flatten(0, 1), values.flatten(2).flatten(0, 1), strict=True)
    ]
    return (torch.stack(y) if y else values.new_zeros(0)).view(*values.shape[:2], height, width)
