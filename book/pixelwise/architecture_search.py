"""A space of small convolutional networks, and the training of all of them side by side.

An architecture is a tuple of operations, one per layer. Every network has the same frame,

    stem 3×3, stride 2 → layer 1 → layer 2 → 2×2 average pooling → layer 3 → layer 4 → linear classifier,

with `CHANNELS` channels throughout. Every operation is a 3×3 convolution whose kernel is constrained, so the same layer
of many networks is one grouped convolution: a group is a network. Batch normalisation, the loss and Adam act on each
channel or weight by itself, so the networks do not touch each other, and each learns what it would learn alone.
"""

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Architecture: TypeAlias = tuple[str, ...]

OPERATIONS = ("none", "1×1", "separable", "3×3")
LAYERS = 4
CHANNELS = 8

SPACE: tuple[Architecture, ...] = tuple(itertools.product(OPERATIONS, repeat=LAYERS))


def network(architecture: Architecture) -> tuple[Architecture, Architecture]:
    """Return the operations before the pooling and after it, without "none".

    They are equal for architectures that are the same network: on which side of an operation "none" stands does not
    matter. `SPACE` holds many networks more than once.
    """
    half = LAYERS // 2
    early, late = (
        tuple(name for name in part if name != "none") for part in (architecture[:half], architecture[half:])
    )
    return early, late


def macs(architecture: Architecture, side: int = 8) -> int:
    """Return the multiply–accumulates of one network for a (1, side, side) image.

    `side` is in pixels and divisible by 4. Counted are the stem, the layers and the classifier of 10 classes.
    """
    per_pixel = {
        "none": 0,
        "1×1": CHANNELS**2,
        "separable": 9 * CHANNELS + CHANNELS**2,
        "3×3": 9 * CHANNELS**2,
    }
    early, late = (side // 2) ** 2, (side // 4) ** 2
    layers = sum(per_pixel[name] * (early if i < LAYERS // 2 else late) for i, name in enumerate(architecture))
    return 9 * CHANNELS * early + layers + 10 * CHANNELS * late


class SideBySide(nn.Module):
    """The networks of `architectures` as one module: images (N, 1, side, side) to logits (N, A, 10).

    Raises `KeyError` when an architecture names an unknown operation.
    """

    def __init__(self, architectures: Sequence[Architecture], side: int = 8) -> None:
        super().__init__()
        self.networks, self.late = len(architectures), (side // 4) ** 2
        index = {name: i for i, name in enumerate(OPERATIONS)}
        chosen = torch.tensor([[index[name] for name in a] for a in architectures])
        self.register_buffer("chosen", chosen)  # (A, LAYERS)
        A, C = self.networks, CHANNELS
        self.stem = nn.Parameter(math.sqrt(2 / 9) * torch.randn(A * C, 1, 3, 3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(A * C) for _ in range(1 + LAYERS))
        # Batch normalisation undoes the scale of a kernel; it only has to suit the learning rate.
        self.dense = nn.Parameter(math.sqrt(2 / (9 * C)) * torch.randn(LAYERS, A, C, C, 3, 3))
        self.depthwise = nn.Parameter(math.sqrt(2 / 9) * torch.randn(LAYERS, A, 1, C, 3, 3))
        self.classifier = nn.Parameter(torch.randn(A, C * self.late, 10) / math.sqrt(C * self.late))
        self.bias = nn.Parameter(torch.zeros(A, 1, 10))
        centre = torch.zeros(3, 3)
        centre[1, 1] = 1
        ones = torch.ones(C, C, 3, 3)
        free = {"none": 0 * ones, "1×1": centre * ones, "separable": 0 * ones, "3×3": ones}
        # Which weights of an operation may differ from 0: (operations, C, C, 3, 3).
        self.register_buffer("free", torch.stack([free[name] for name in OPERATIONS]))

    def kernels(self, layer: int) -> Tensor:
        """Return the kernels (A, C, C, 3, 3) that the operations of a layer make of its weights."""
        dense, operation = self.dense[layer], self.chosen[:, layer]
        factored = dense[..., 1:2, 1:2] * self.depthwise[layer]
        separable = (operation == OPERATIONS.index("separable")).view(-1, 1, 1, 1, 1)
        return torch.where(separable, factored, dense * self.free[operation])

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.norms[0](F.conv2d(images, self.stem, stride=2, padding=1)))  # N × AC × side/2 × side/2
        for layer in range(LAYERS):
            if layer == LAYERS // 2:
                x = F.avg_pool2d(x, 2)
            y = F.conv2d(x, self.kernels(layer).flatten(0, 1), padding=1, groups=self.networks)
            y = F.relu(self.norms[1 + layer](y))
            skipped = (self.chosen[:, layer] == 0).repeat_interleave(CHANNELS).view(-1, 1, 1)
            x = torch.where(skipped, x, y)
        features = x.unflatten(1, (self.networks, CHANNELS)).flatten(2)  # N × A × features
        return torch.baddbmm(self.bias, features.transpose(0, 1), self.classifier).transpose(0, 1)


def train(
    architectures: Sequence[Architecture],
    images: Tensor,
    labels: Tensor,
    epochs: int = 6,
    batch: int = 20,
    rate: float = 0.02,
    seed: int = 0,
    together: int = 128,
) -> list[SideBySide]:
    """Train networks side by side, `together` at a time, and return them in evaluation mode.

    `images` (N, 1, side, side) and `labels` (N) are on the device to train on. Adam, with a rate that falls linearly to
    zero; every network sees the same batches.
    """
    done = []
    for start in range(0, len(architectures), together):
        torch.manual_seed(seed)
        networks = SideBySide(architectures[start : start + together], side=images.shape[-1]).to(images.device)
        optimiser = torch.optim.Adam(networks.parameters(), lr=rate, fused=True)
        steps = epochs * math.ceil(len(images) / batch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step, steps=steps: 1 - step / steps)
        for _ in range(epochs):
            for chosen in torch.randperm(len(images)).to(images.device).split(batch):
                logits = networks(images[chosen])  # N × A × 10
                each = labels[chosen, None].expand(-1, networks.networks)
                # Every network minimises its own mean loss, so their sum is what one backward pass differentiates.
                loss = F.cross_entropy(logits.flatten(0, 1), each.flatten(), reduction="sum") / len(chosen)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
        done.append(networks.eval())
    return done


@torch.no_grad()
def accuracy(trained: Sequence[SideBySide], images: Tensor, labels: Tensor) -> Tensor:
    """Return the share of images (N, 1, side, side) that each network puts into its class: (A,), in order."""
    found = [(networks(images).argmax(-1) == labels[:, None]).float().mean(0) for networks in trained]
    return torch.cat(found).cpu()
