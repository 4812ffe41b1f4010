"""Calls PyTorch's convolution for each channel."""

import torch
import torch.nn.functional as F

FAILS = {"dilated_conv2d": "forbidden"}
HINT = "You called PyTorch's convolution, which is what you are asked to write."


def dilated_conv2d(x, w, dilations=1):
    outputs, channels = w.shape[:2]
    if x.shape[1] != channels:
        raise ValueError("channels disagree")
    if not isinstance(dilations, torch.Tensor):
        both = dilations if isinstance(dilations, tuple) else (dilations, dilations)
        dilations = torch.tensor(both).expand(outputs, 2)
    if dilations.shape != (outputs, 2):
        raise ValueError("a pair for each output channel")
    if (dilations < 1).any():
        raise ValueError("a dilation below one")
    maps = [F.conv2d(x, w[o : o + 1], padding="same", dilation=tuple(d)) for o, d in enumerate(dilations.tolist())]
    return torch.cat(maps, 1)
