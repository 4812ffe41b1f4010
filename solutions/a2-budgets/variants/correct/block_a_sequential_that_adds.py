"""A Sequential of the path's layers; ReLU is applied between them."""

from collections import OrderedDict

import torch

SOLVES = ("Bottleneck",)


class Bottleneck(torch.nn.Sequential):
    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1):
        if not all(number >= 1 for number in (in_channels, width, stride, dilation)):
            raise ValueError("all four are at least 1")
        conv, norm = torch.nn.Conv2d, torch.nn.BatchNorm2d
        layers = OrderedDict(
            norm1=norm(in_channels),
            conv1=conv(in_channels, width, 1, bias=False),
            norm2=norm(width),
            conv2=conv(width, width, 3, stride, dilation, dilation, bias=False),
            norm3=norm(width),
            conv3=conv(width, 4 * width, 1, bias=False),
        )
        torch.nn.init.zeros_(layers["conv3"].weight)
        if stride > 1 or in_channels != 4 * width:
            layers["shortcut"] = conv(in_channels, 4 * width, 1, stride, bias=False)
        super().__init__(layers)

    def forward(self, x):
        shortcut, maps = x, x
        for name, layer in self.named_children():
            if name == "shortcut":
                continue
            maps = layer(maps)
            if name.startswith("norm"):
                maps = maps.clamp(min=0)
            if name == "norm1" and hasattr(self, "shortcut"):
                shortcut = self.shortcut(maps)
        return maps + shortcut
