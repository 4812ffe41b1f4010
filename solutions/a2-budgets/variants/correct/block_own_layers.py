"""Layers written out: parameters drawn by hand, 1×1 convolutions as sums over channels, a normalisation of its own."""

import math

import torch
from torch import nn
from torch.nn import functional as F

SOLVES = ("Bottleneck",)


class Activated(nn.BatchNorm2d):
    def forward(self, x):
        return torch.relu(super().forward(x))


class Weights(nn.Module):
    def __init__(self, channels_out, channels_in, kernel):
        super().__init__()
        values = torch.randn(channels_out, channels_in, kernel, kernel)
        self.weight = nn.Parameter(values * math.sqrt(2 / (channels_out * kernel**2)))


class Mixing(Weights):
    """A 1×1 convolution."""

    def __init__(self, channels_out, channels_in, step=1):
        super().__init__(channels_out, channels_in, 1)
        self.step = step

    def forward(self, x):
        return torch.einsum("oc,nchw->nohw", self.weight[:, :, 0, 0], x[:, :, :: self.step, :: self.step])


class Filtering(Weights):
    """A 3×3 convolution that keeps the size but for its stride."""

    def __init__(self, channels, step, apart):
        super().__init__(channels, channels, 3)
        self.step, self.apart = step, apart

    def forward(self, x):
        padded = F.pad(x, (self.apart,) * 4)
        return F.conv2d(padded, self.weight, stride=self.step, dilation=self.apart)


class Bottleneck(nn.Module):
    def __init__(self, in_channels, width, stride=1, dilation=1):
        super().__init__()
        if any(number < 1 for number in [in_channels, width, stride, dilation]):
            raise ValueError("numbers below 1")
        self.norm1, self.norm2, self.norm3 = Activated(in_channels), Activated(width), Activated(width)
        self.conv1, self.conv2 = Mixing(width, in_channels), Filtering(width, stride, dilation)
        self.conv3 = Mixing(4 * width, width)
        with torch.no_grad():
            self.conv3.weight.mul_(0)
        if stride > 1 or 4 * width != in_channels:
            self.shortcut = Mixing(4 * width, in_channels, stride)

    def forward(self, x):
        a = self.norm1(x)
        path = self.conv3(self.norm3(self.conv2(self.norm2(self.conv1(a)))))
        try:
            return path + self.shortcut(a)
        except AttributeError:
            return path + x
