"""The network that is looked into: a small classifier that says which things are in a scene, trained once a build.

It is four stages of 3×3 convolutions with ReLUs and max pooling between them, global average pooling and one linear
layer. For training each convolution has batch normalisation behind it, which is folded into the weights afterwards.
"""

from collections import OrderedDict
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import pixelwise
from pixelwise import train, trained_once
from pixelwise.data import VOID
from pixelwise.data.scenes import CLASSES, scenes
from pixelwise.data.transforms import in_half, normalise

TAGS = ("tree", "car", "person", "animal")
# A thing of fewer pixels is too small to be asked for: such a scene does not count for that tag.
LEAST = 40
SIZE, TRAINING = 96, 1000
STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 600, 16, 0.01, 0.01
WIDTHS = ((8,), (16, 16), (32, 32), (64, 64))


def masks(labels: Tensor) -> Tensor:
    """Return where each of `TAGS` is, (N, 4, H, W) of bool, in label maps (N, H, W) of scenes."""
    return torch.stack([labels == CLASSES.index(name) for name in TAGS], dim=1)


def tags(labels: Tensor) -> Tensor:
    """Return (N, 4): 1 where at least `LEAST` pixels of a tag's things are visible, 0 where none is, else `VOID`."""
    area = masks(labels).sum(dim=(2, 3))
    return torch.where(area >= LEAST, 1, torch.where(area > 0, VOID, 0))


def tagged(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits (N, K) and tags (N, K), those that are `VOID` left out."""
    known = wanted != VOID
    return F.binary_cross_entropy_with_logits(logits[known], wanted[known].to(logits.dtype))


def classifier(normalised: bool = False) -> nn.Sequential:
    """Return the network, untrained: (N, 3, H, W) to logits (N, 4); `normalised` puts in the batch normalisation."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for stage, widths in enumerate(WIDTHS, start=1):
        for number, width in enumerate(widths, start=1):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight)
            nn.init.zeros_(convolution.bias)
            layers[f"conv{stage}_{number}"] = convolution
            if normalised:
                layers[f"norm{stage}_{number}"] = nn.BatchNorm2d(width)
            layers[f"relu{stage}_{number}"] = nn.ReLU()
            channels = width
        if stage < len(WIDTHS):
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
    layers |= {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "scores": nn.Linear(channels, len(TAGS))}
    return nn.Sequential(layers)


def folded(network: nn.Sequential) -> nn.Sequential:
    """Return the network without batch normalisation that computes what this one does in evaluation mode."""
    parts = dict(network.eval().named_children())
    made = OrderedDict()
    for name, part in parts.items():
        norm = parts.get(name.replace("conv", "norm")) if isinstance(part, nn.Conv2d) else None
        if not isinstance(part, nn.BatchNorm2d):
            made[name] = part if norm is None else fuse_conv_bn_eval(part, norm)
    return nn.Sequential(made)


@cache
def _training_set() -> tuple[Tensor, Tensor]:
    drawn = scenes(TRAINING, SIZE, seed=0)
    return normalise(drawn.images), tags(drawn.labels)


def trained(seed: int = 0, steps: int = STEPS) -> nn.Sequential:
    """Return the classifier trained on 1,000 scenes from `seed`, on the course's device, batch normalisation folded."""
    torch.manual_seed(seed)
    network = classifier(normalised=True).to(memory_format=torch.channels_last).to(pixelwise.device())
    train.fit(
        network,
        *_training_set(),
        steps,
        BATCH,
        LEARNING_RATE,
        WEIGHT_DECAY,
        seed,
        recipe="adamw",
        loss=tagged,
        augment=in_half(lambda image, wanted: (image.flip(-1), wanted)),
    )
    return folded(network).to(memory_format=torch.channels_last)


def ready(seed: int = 0) -> nn.Sequential:
    """Return what `trained` returns, from the course's folder `_build/trained` if it was trained there before."""
    return trained_once.ready(f"seeing {seed}", (Path(__file__),), build=_built, train=lambda: trained(seed))


def _built() -> nn.Sequential:
    return classifier().to(memory_format=torch.channels_last)  # narrow layers then take less time
