"""Every block is a sequence of named layers, with ReLUs that write in place."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn

SOLVES = ("UNet",)


def block(before, after, *first):
    return nn.Sequential(
        OrderedDict(
            [
                *first,
                ("conv1", nn.Conv2d(before, after, 3, padding=1, bias=False)),
                ("norm1", nn.BatchNorm2d(after)),
                ("relu1", nn.ReLU(inplace=True)),
                ("conv2", nn.Conv2d(after, after, 3, padding=1, bias=False)),
                ("norm2", nn.BatchNorm2d(after)),
                ("relu2", nn.ReLU(inplace=True)),
            ]
        )
    )


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        channels = [in_channels] + [width * 2**level for level in range(depth + 1)]
        self.down = nn.Sequential(*(block(a, b) for a, b in pairwise(channels)))
        self.up = nn.Sequential(
            *(block(2 * a, a, ("enlarge", nn.ConvTranspose2d(2 * a, a, 2, stride=2))) for a in channels[1:-1])
        )
        self.pool = nn.MaxPool2d(2)
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        if min(x.shape[-2:]) // 2 ** len(self.up) == 0:
            raise ValueError("too few pixels")
        skips = [self.down[0](x)]
        for block in self.down[1:]:
            skips.append(block(self.pool(skips[-1])))
        x = skips.pop()
        for block in reversed(self.up):
            skip = skips.pop()
            both = torch.zeros(len(x), 2 * skip.shape[1], *skip.shape[2:], dtype=x.dtype)
            x = block[0](x)
            both[:, : skip.shape[1]] = skip
            both[:, skip.shape[1] :, : x.shape[2], : x.shape[3]] = x
            x = block[1:](both)
        return self.score(x)
