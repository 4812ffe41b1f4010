"""Counts one layer after another."""

import torch

FAILS = {"budget": "loops"}
HINT = (
    "You probably went through the rows one by one: the sizes follow from a running product of strides, and the "
    "input channels from the column moved by one row."
)


def budget(table, height, width, channels):
    if table.ndim != 2 or table.shape[1] != 5 or min(height, width, channels) < 1:
        raise ValueError("no table or no image")
    counts = [], [], []
    for kernel, stride, made, groups, normalised in table.tolist():
        if min(kernel, stride, made) < 1 or groups < 0 or normalised not in (0, 1):
            raise ValueError("a number makes no sense")
        if (made != channels or normalised) if groups == 0 else (channels % groups or made % groups):
            raise ValueError("channels do not fit")
        height, width = -(-height // stride), -(-width // stride)
        weights = channels // groups * made * kernel**2 if groups else 0
        counts[0].append(weights + made * (1 + normalised) if groups else 0)
        counts[1].append(made * height * width)
        counts[2].append(weights * height * width)
        channels = made
    parameters, activations, macs = counts
    whole = torch.int64
    return (
        torch.tensor(parameters, dtype=whole),
        torch.tensor(activations, dtype=whole),
        torch.tensor(macs, dtype=whole),
    )
