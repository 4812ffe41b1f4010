"""Gives every block a convolution in its shortcut."""

from torch import nn
from torch.nn import functional as F

FAILS = {"Bottleneck": "wrong"}
HINT = "Your shortcut has weights also where the shape stays; there it should be the input itself."


class Bottleneck(nn.Module):
    def __init__(self, in_channels, width, stride=1, dilation=1):
        super().__init__()
        if in_channels < 1 or width < 1 or stride < 1 or dilation < 1:
            raise ValueError("each number should be at least 1")
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
        self.norm3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        nn.init.constant_(self.conv3.weight, 0.0)
        self.shortcut = nn.Conv2d(in_channels, 4 * width, 1, stride=stride, bias=False)

    def forward(self, x):
        a = F.relu(self.norm1(x))
        out = self.conv1(a)
        out = self.conv2(F.relu(self.norm2(out)))
        out = self.conv3(F.relu(self.norm3(out)))
        kept = x if self.shortcut is None else self.shortcut(a)
        return out + kept
