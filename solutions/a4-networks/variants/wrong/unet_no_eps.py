"""Adds nothing to a variance."""

import torch
import torch.nn.functional as F
from torch import nn

FAILS = {"UNet": "wrong"}
HINT = "You probably left out what batch normalisation adds to a variance; without it a black image has no scores."


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        self.depth = depth
        widths = [width * 2**level for level in range(depth + 1)]
        before = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList([self.block(before[i], widths[i]) for i in range(depth + 1)])
        self.up = nn.ModuleList([self.block(2 * widths[i], widths[i]) for i in range(depth)])
        for i in range(depth):
            self.up[i]["enlarge"] = nn.ConvTranspose2d(widths[i + 1], widths[i], 2, stride=2)
        self.score = nn.Conv2d(width, classes, 1)

    def block(self, before, after):
        return nn.ModuleDict(
            {
                "conv1": nn.Conv2d(before, after, 3, padding=1, bias=False),
                "norm1": nn.BatchNorm2d(after, eps=0.0),
                "conv2": nn.Conv2d(after, after, 3, padding=1, bias=False),
                "norm2": nn.BatchNorm2d(after, eps=0.0),
            }
        )

    def through(self, block, x):
        x = F.relu(block["norm1"](block["conv1"](x)))
        x = F.relu(block["norm2"](block["conv2"](x)))
        return x

    def forward(self, x):
        if min(x.shape[2:]) < 2**self.depth:
            raise ValueError("the image is too small")
        maps = [self.through(self.down[0], x)]
        for block in self.down[1:]:
            maps.append(self.through(block, F.max_pool2d(maps[-1], 2)))
        x = maps.pop()
        for i in reversed(range(self.depth)):
            skip = maps.pop()
            x = self.up[i]["enlarge"](x)
            x = F.pad(x, (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]))
            x = self.through(self.up[i], torch.cat([skip, x], 1))
        return self.score(x)
