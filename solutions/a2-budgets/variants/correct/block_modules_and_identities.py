"""Every step a module of its own, and an identity where the shortcut needs no weights."""

from torch import nn

SOLVES = ("Bottleneck",)


class Bottleneck(nn.Module):
    def __init__(self, in_channels, width, stride=1, dilation=1):
        super().__init__()
        for number in (in_channels, width, stride, dilation):
            if number <= 0:
                raise ValueError(number)
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=(1, 1), bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, (3, 3), (stride, stride), (dilation, dilation), (dilation, dilation), bias=False
        )
        self.norm3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, kernel_size=(1, 1), bias=False)
        self.conv3.weight.data.zero_()
        self.relu = nn.ReLU(inplace=True)
        self.projects = (in_channels, 1) != (width * 4, stride)
        self.shortcut = nn.Conv2d(in_channels, width * 4, 1, stride, bias=False) if self.projects else nn.Identity()

    def forward(self, x):
        before = self.relu(self.norm1(x))
        y = self.conv1(before)
        y = self.relu(self.norm2(y))
        y = self.conv2(y)
        y = self.relu(self.norm3(y))
        y = self.conv3(y)
        return y.add(self.shortcut(before if self.projects else x))
