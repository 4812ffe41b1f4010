"""DenseNet (Huang, Liu, van der Maaten and Weinberger, Densely connected convolutional networks, 2017), table 1."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

# Table 1: how many layers each of the four dense blocks has.
DEPTHS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}


class DenseLayer(nn.Module):
    """Adds `growth` maps to those it is given: (N, C, H, W) to (N, C + growth, H, W).

    The path is the bottleneck of DenseNet-B: normalise, ReLU, 1×1 to 4·growth maps, normalise, ReLU, 3×3.
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(),
                conv1=nn.Conv2d(in_channels, 4 * growth, 1, bias=False),
                norm2=nn.BatchNorm2d(4 * growth),
                relu2=nn.ReLU(),
                conv2=nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.path(x)], dim=1)


def transition(in_channels: int, channels: int) -> nn.Sequential:
    """Return what stands between two dense blocks: (N, in_channels, H, W) to (N, channels, H/2, W/2)."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(in_channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(in_channels, channels, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


def densenet(depth: int = 121, classes: int = 1000, growth: int = 32, compression: float = 0.5) -> nn.Sequential:
    """Return DenseNet-BC-121, 169 or 201: (N, 3, 224, 224) to (N, classes) logits.

    A dense layer adds `growth` maps, a transition keeps the share `compression` of them.

    Raises `ValueError` for a depth that is not in the table.
    """
    if depth not in DEPTHS:
        raise ValueError(f"DenseNet has depths {', '.join(map(str, DEPTHS))}, and no {depth}.")
    channels = 2 * growth
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
        norm1=nn.BatchNorm2d(channels),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(3, stride=2, padding=1),
    )
    for number, count in enumerate(DEPTHS[depth], start=1):
        block = [(f"layer{i + 1}", DenseLayer(channels + i * growth, growth)) for i in range(count)]
        layers[f"dense{number}"] = nn.Sequential(OrderedDict(block))
        channels += count * growth
        if number < len(DEPTHS[depth]):
            layers[f"transition{number}"] = transition(channels, int(compression * channels))
            channels = int(compression * channels)
    layers |= {"norm5": nn.BatchNorm2d(channels), "relu5": nn.ReLU()}
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes)}
    network = nn.Sequential(layers)
    # Section 4.2: He initialisation.
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(network.fc.bias)
    return network
