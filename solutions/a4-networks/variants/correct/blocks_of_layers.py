"""A class for a block and a list of blocks for each way; on the way up an empty map is written into."""

import torch
import torch.nn.functional as F
from torch import nn

SOLVES = ("UNet",)


class Block(nn.Module):
    def __init__(self, before, after, deeper=None):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, (3, 3), padding="same", bias=False), nn.BatchNorm2d(after)
        if deeper is not None:
            self.enlarge = nn.ConvTranspose2d(deeper, after, kernel_size=2, stride=2)

    def forward(self, x, skip=None):
        if skip is not None:
            small = self.enlarge(x)
            x = skip.new_zeros(skip.shape)
            x[..., : small.shape[2], : small.shape[3]] = small
            x = torch.cat((skip, x), dim=1)
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        self.depth = depth
        self.down = nn.ModuleList([Block(in_channels, width)])
        self.up = nn.ModuleList()
        for level in range(depth):
            self.down.append(Block(width << level, width << (level + 1)))
            self.up.append(Block(width << (level + 1), width << level, deeper=width << (level + 1)))
        self.score = nn.Conv2d(width, classes, kernel_size=1)

    def forward(self, x):
        if x.shape[2] >> self.depth < 1 or x.shape[3] >> self.depth < 1:
            raise ValueError("the image is too small")
        skips = []
        for block in self.down[:-1]:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.down[-1](x)
        while skips:
            x = self.up[len(skips) - 1](x, skips.pop())
        return self.score(x)
