"""VGG (Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2015), table 1."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

from torch import nn

# Of a network built on VGG: a name of the table, or each stage's channels, an int where it has one convolution.
Configuration: TypeAlias = str | Sequence[int | Sequence[int]]

# Table 1: per stage its layers as (kernel, channels), "LRN" for normalisation; a 2×2 pooling ends each stage.
CONFIGURATIONS = {
    "A": (
        [(3, 64)],
        [(3, 128)],
        [(3, 256), (3, 256)],
        [(3, 512), (3, 512)],
        [(3, 512), (3, 512)],
    ),
    "A-LRN": (
        [(3, 64), "LRN"],
        [(3, 128)],
        [(3, 256), (3, 256)],
        [(3, 512), (3, 512)],
        [(3, 512), (3, 512)],
    ),
    "B": (
        [(3, 64), (3, 64)],
        [(3, 128), (3, 128)],
        [(3, 256), (3, 256)],
        [(3, 512), (3, 512)],
        [(3, 512), (3, 512)],
    ),
    "C": (
        [(3, 64), (3, 64)],
        [(3, 128), (3, 128)],
        [(3, 256), (3, 256), (1, 256)],
        [(3, 512), (3, 512), (1, 512)],
        [(3, 512), (3, 512), (1, 512)],
    ),
    "D": (
        [(3, 64), (3, 64)],
        [(3, 128), (3, 128)],
        [(3, 256), (3, 256), (3, 256)],
        [(3, 512), (3, 512), (3, 512)],
        [(3, 512), (3, 512), (3, 512)],
    ),
    "E": (
        [(3, 64), (3, 64)],
        [(3, 128), (3, 128)],
        [(3, 256), (3, 256), (3, 256), (3, 256)],
        [(3, 512), (3, 512), (3, 512), (3, 512)],
        [(3, 512), (3, 512), (3, 512), (3, 512)],
    ),
}


def vgg(configuration: str = "D", classes: int = 1000) -> nn.Sequential:
    """Return a configuration of `CONFIGURATIONS`: (N, 3, 224, 224) to (N, classes) logits.

    Raises `ValueError` for a name that is not in the table.
    """
    if configuration not in CONFIGURATIONS:
        raise ValueError(f"VGG has configurations {', '.join(CONFIGURATIONS)}, and no {configuration!r}.")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for stage, entries in enumerate(CONFIGURATIONS[configuration], start=1):
        for number, entry in enumerate(entries, start=1):
            if entry == "LRN":
                # Section 2 takes AlexNet's n = 5, k = 2, α = 1e-4, β = 0.75; PyTorch's α is n times the paper's.
                layers[f"norm{stage}"] = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
            else:
                kernel, made = entry
                layers[f"conv{stage}_{number}"] = nn.Conv2d(channels, made, kernel, padding=kernel // 2)
                layers[f"relu{stage}_{number}"] = nn.ReLU()
                channels = made
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers |= {"fc6": nn.Linear(512 * 7 * 7, 4096), "relu6": nn.ReLU(), "drop6": nn.Dropout()}
    layers |= {"fc7": nn.Linear(4096, 4096), "relu7": nn.ReLU(), "drop7": nn.Dropout()}
    layers["fc8"] = nn.Linear(4096, classes)
    network = nn.Sequential(layers)
    # Section 3.1 trained A first to initialise the rest, and notes that Glorot's initialisation makes that unnecessary.
    for layer in network:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def stages(configuration: Configuration) -> tuple[tuple[int, ...], ...]:
    """Return the channels of the 3×3 convolutions of each of five stages, for the networks that are built on VGG's.

    `configuration` is A, B, D or E of table 1, or a smaller network's own five stages: `(16, 32, 64, 96, 128)` has one
    convolution in each, `((16, 16), 32, 64, 96, 128)` two in the first.

    Raises `ValueError` for another name, and for another number of stages.
    """
    if isinstance(configuration, str):
        plain = [
            name for name, table in CONFIGURATIONS.items() if {entry[0] for part in table for entry in part} == {3}
        ]
        if configuration not in plain:
            raise ValueError(f"VGG has {', '.join(plain)} of 3×3 convolutions alone, and no {configuration!r}.")
        return tuple(tuple(made for _, made in stage) for stage in CONFIGURATIONS[configuration])
    made = tuple((stage,) if isinstance(stage, int) else tuple(stage) for stage in configuration)
    if len(made) != 5 or not all(made):
        raise ValueError(f"A configuration lists the channels of five stages, not {configuration!r}.")
    return made
