"""Adds nothing to a variance."""

import torch
import torch.nn.functional as F
from torch import nn

FAILS = {"UNet": "wrong"}
HINT = "You probably left out what batch normalisation adds to a variance; without it a black image has no scores."


class Weights(nn.Module):
    """Holds weights and leaves their use to others."""

    def __init__(self, *shape, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.1)
        if bias:
            self.bias = nn.Parameter(torch.zeros(shape[bias - 1]))


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            count = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean += 0.1 * (mean - self.running_mean)
                self.running_var += 0.1 * (var * count / (count - 1) - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight * var.rsqrt()
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        self.depth = depth
        self.down, self.up = nn.Module(), nn.Module()
        before = in_channels
        for level in range(depth + 1):
            after = width * 2**level
            self.down.add_module(str(level), self.block(before, after))
            if level < depth:
                self.up.add_module(str(level), self.block(2 * after, after))
                self.up.get_submodule(str(level)).enlarge = Weights(2 * after, after, 2, 2, bias=2)
            before = after
        self.score = Weights(classes, width, 1, 1, bias=1)

    @staticmethod
    def block(before, after):
        block = nn.Module()
        block.conv1, block.norm1 = Weights(after, before, 3, 3), Norm(after)
        block.conv2, block.norm2 = Weights(after, after, 3, 3), Norm(after)
        return block

    @staticmethod
    def run(block, x):
        x = block.norm1(F.conv2d(x, block.conv1.weight, padding=1)).clamp(min=0)
        return block.norm2(F.conv2d(x, block.conv2.weight, padding=1)).clamp(min=0)

    def forward(self, x):
        if any(side < 2**self.depth for side in x.shape[-2:]):
            raise ValueError("too small")
        maps = [self.run(self.down.get_submodule("0"), x)]
        for level in range(1, self.depth + 1):
            maps.append(self.run(self.down.get_submodule(str(level)), F.max_pool2d(maps[-1], (2, 2))))
        x = maps[-1]
        for level in range(self.depth - 1, -1, -1):
            block = self.up.get_submodule(str(level))
            x = F.conv_transpose2d(x, block.enlarge.weight, block.enlarge.bias, stride=(2, 2))
            skip = maps[level]
            x = torch.cat([x, x.new_zeros(*x.shape[:2], skip.shape[2] - x.shape[2], x.shape[3])], 2)
            x = torch.cat([x, x.new_zeros(*x.shape[:3], skip.shape[3] - x.shape[3])], 3)
            x = self.run(block, torch.cat([skip, x], 1))
        return F.conv2d(x, self.score.weight, self.score.bias)
