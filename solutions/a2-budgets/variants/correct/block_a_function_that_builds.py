"""A function that puts a general residual module together, with parts that do two things each."""

import torch.nn.functional as F
from torch import nn

SOLVES = ("Bottleneck",)


class Residual(nn.Module):
    def __init__(self, parts):
        super().__init__()
        for name in parts:
            self.register_module(name, parts[name])

    def forward(self, x):
        parts = dict(self.named_children())
        first = maps = F.relu(parts["norm1"](x))
        maps = F.relu(parts["norm2"](parts["conv1"](maps)))
        maps = F.relu(parts["norm3"](parts["conv2"](maps)))
        maps = parts["conv3"](maps)
        if "shortcut" in parts:
            return parts["shortcut"](first) + maps
        return x + maps


def Bottleneck(in_channels, width, stride=1, dilation=1):
    if in_channels < 1 or width < 1 or stride < 1 or dilation < 1:
        raise ValueError("a block needs channels, a width, a stride and a dilation")
    out = 4 * width
    parts = {
        "conv1": nn.Conv2d(in_channels, width, 1, bias=False),
        "conv2": nn.Conv2d(
            width, width, 3, stride, padding="same" if stride == 1 else dilation, dilation=dilation, bias=False
        ),
        "conv3": nn.Conv2d(width, out, 1, bias=False),
        "norm1": nn.BatchNorm2d(in_channels),
        "norm2": nn.BatchNorm2d(width),
        "norm3": nn.BatchNorm2d(width),
    }
    nn.init.zeros_(parts["conv3"].weight)
    if stride != 1 or out != in_channels:
        parts["shortcut"] = nn.Conv2d(in_channels, out, 1, stride, bias=False)
    return Residual(parts)
