"""LeNet-5 (LeCun et al., Gradient-based learning applied to document recognition, 1998), section II.B.

The paper counts 60,000 trainable parameters and 340,908 connections; both come out. Three of its parts are rarely built
today: subsampling layers with a weight and a bias per map, a second convolution whose maps see only some of the maps
below, and an output that measures the distance to a picture of each digit.
"""

import math
import random
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Table I: which of the six maps of S2 each of the sixteen maps of C3 sees.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The codes of the ten classes: digits on bitmaps of 7×12, drawn for this course after the idea of figure 3.
DIGITS = """
.#####. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..##... ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .###... .....## .....## ..##.#. ##..... ##..... .....## ##...## ##...##
##...## ...#... .....## .....## .##..#. ##..... ##..... ....##. ##...## ##...##
##...## ...#... .....## .....## ##...#. ######. ##..... ....##. ##...## ##...##
##...## ...#... ....##. ..####. ##...#. .....## ######. ...##.. .#####. .######
##...## ...#... ...##.. .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...#... ..##... .....## .....#. .....## ##...## ..##... ##...## .....##
##...## ...#... .##.... .....## .....#. .....## ##...## ..##... ##...## .....##
##...## ...#... ##..... .....## .....#. .....## ##...## ..##... ##...## .....##
##...## ...#... ##..... ##...## .....#. ##...## ##...## .##.... ##...## ....##.
.#####. .#####. ####### .#####. .....#. .#####. .#####. .##.... .#####. .####..
"""


class Squash(nn.Module):
    """The paper's nonlinearity A·tanh(S·a) with A = 1.7159 and S = 2/3, which maps ±1 to ±1; any shape."""

    def forward(self, a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """The sum of each 2×2 window times a weight plus a bias, one of each per map: (N, C, H, W) to (N, C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        nn.init.uniform_(self.weight, -2.4 / 4, 2.4 / 4)

    def forward(self, x: Tensor) -> Tensor:
        return 4 * F.avg_pool2d(x, 2) * self.weight + self.bias


class PartialConvolution(nn.Module):
    """5×5 convolutions that each make one map from some of the maps below: (N, C, H, W) to (N, 16, H−4, W−4)."""

    def __init__(self, connections: tuple[tuple[int, ...], ...] = CONNECTIONS) -> None:
        super().__init__()
        self.connections = connections
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, 5) for seen in connections)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x[:, list(channels)] for channels in self.connections]
        return torch.cat([conv(part) for conv, part in zip(self.maps, seen, strict=True)], dim=1)


class RadialBasis(nn.Module):
    """Minus the squared distance of each input to each class's code: (N, units) to (N, classes).

    The codes are not learned. They are the bitmaps of `DIGITS` for ten classes and 84 units, and random signs
    otherwise, which the paper names as the alternative.
    """

    def __init__(self, units: int = 84, classes: int = 10) -> None:
        super().__init__()
        if (units, classes) == (84, 10):
            rows = [row.split() for row in DIGITS.strip().splitlines()]
            codes = [[1.0 if pixel == "#" else -1.0 for row in rows for pixel in row[digit]] for digit in range(10)]
        else:
            coin = random.Random(0)
            codes = [[coin.choice((-1.0, 1.0)) for _ in range(units)] for _ in range(classes)]
        self.register_buffer("codes", torch.tensor(codes))

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.codes).square().sum(dim=2)


def lenet5(classes: int = 10) -> nn.Sequential:
    """Return LeNet-5: (N, 1, 32, 32) to (N, classes), the largest output naming the class.

    Inputs are scaled so that white is −0.1 and ink 1.175, which gives about zero mean and unit variance.
    """
    network = nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(1, 6, 5),
            squash1=Squash(),
            s2=Subsampling(6),
            squash2=Squash(),
            c3=PartialConvolution(),
            squash3=Squash(),
            s4=Subsampling(16),
            squash4=Squash(),
            c5=nn.Conv2d(16, 120, 5),
            squash5=Squash(),
            flatten=nn.Flatten(),
            f6=nn.Linear(120, 84),
            squash6=Squash(),
            output=RadialBasis(84, classes),
        )
    )
    # Appendix A: uniform between ±2.4 over the unit's number of inputs.
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            bound = 2.4 / math.prod(layer.weight.shape[1:])
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.uniform_(layer.bias, -bound, bound)
    return network
