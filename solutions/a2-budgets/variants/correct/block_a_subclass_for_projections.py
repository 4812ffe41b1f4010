"""Two classes: the block, and one that projects; a small factory chooses between them."""

import torch
from torch import nn

SOLVES = ("Bottleneck",)


class Plain(nn.Module):
    def __init__(self, channels, width, stride, dilation):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.norm3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.conv3.weight = nn.Parameter(torch.zeros_like(self.conv3.weight))

    def path(self, a):
        b = self.norm2(self.conv1(a))
        c = self.norm3(self.conv2(torch.where(b > 0, b, 0.0)))
        return self.conv3(torch.where(c > 0, c, 0.0))

    def forward(self, x):
        return x + self.path(self.norm1(x).relu())


class Projected(Plain):
    def __init__(self, channels, width, stride, dilation):
        super().__init__(channels, width, stride, dilation)
        self.shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)

    def forward(self, x):
        a = self.norm1(x).relu()
        return self.shortcut(a) + self.path(a)


def Bottleneck(in_channels, width, stride=1, dilation=1):
    if min([in_channels, width, stride, dilation]) < 1:
        raise ValueError("at least 1, please")
    kind = Plain if (stride, 4 * width) == (1, in_channels) else Projected
    return kind(in_channels, width, stride, dilation)
