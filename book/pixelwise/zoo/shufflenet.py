"""ShuffleNet v1 (Zhang et al., ShuffleNet, 2018), table 1, and v2 (Ma et al., ShuffleNet V2, 2018), table 5.

Neither paper says how its networks were initialised; here it is He's.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

# Table 1 of v1: channels of stage 2 by the number of groups; each later stage doubles them.
V1_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
# Table 5 of v2: channels of stages 2 to 4 and of the last convolution, by the factor of the width.
V2_CHANNELS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
REPEATS = (4, 8, 4)


class ChannelShuffle(nn.Module):
    """Deals the channels of `groups` groups out like cards, so that later groups have some of each: (N, C, H, W)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        dealt = x.view(batch, self.groups, channels // self.groups, height, width).transpose(1, 2)
        return dealt.reshape(batch, channels, height, width)


class Unit(nn.Module):
    """A unit of v1, figure 2b and c: (N, in_channels, H, W) to (N, channels, H/stride, W/stride).

    At stride 1 the path is added to the input, at stride 2 it stands beside the input's 3×3 average.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, groups: int, first_groups: int) -> None:
        super().__init__()
        inner = channels // 4
        made = channels - in_channels if stride == 2 else channels
        self.path = nn.Sequential(
            OrderedDict(
                reduce=_normalised(in_channels, inner, 1, groups=first_groups),
                relu=nn.ReLU(),
                shuffle=ChannelShuffle(groups),
                depthwise=_normalised(inner, inner, 3, stride, groups=inner),
                expand=_normalised(inner, made, 1, groups=groups),
            )
        )
        self.shortcut = nn.AvgPool2d(3, stride=2, padding=1) if stride == 2 else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.relu(x + self.path(x))
        return self.relu(torch.cat([self.shortcut(x), self.path(x)], dim=1))


def shufflenet_v1(classes: int = 1000, groups: int = 3) -> nn.Sequential:
    """Return ShuffleNet 1× with 1, 2, 3, 4 or 8 `groups`: (N, 3, 224, 224) to (N, classes) logits.

    Raises `ValueError` for another number of groups.
    """
    if groups not in V1_CHANNELS:
        raise ValueError(f"ShuffleNet has {', '.join(map(str, V1_CHANNELS))} groups, and not {groups}.")
    layers = _stem()
    channels = 24
    for stage, count in enumerate(REPEATS, start=2):
        made = V1_CHANNELS[groups] * 2 ** (stage - 2)
        for number in range(1, count + 1):
            # The first 1×1 of all is not grouped: its input has few channels.
            first_groups = 1 if (stage, number) == (2, 1) else groups
            layers[f"stage{stage}_{number}"] = Unit(channels, made, 2 if number == 1 else 1, groups, first_groups)
            channels = made
    return _finished(layers, channels, classes)


class SplitUnit(nn.Module):
    """A unit of v2, figure 3c and d: (N, in_channels, H, W) to (N, channels, H/stride, W/stride).

    At stride 1 half of the channels go through the path and half pass by; at stride 2 all go both ways.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        half = channels // 2
        self.splits = stride == 1
        self.path = nn.Sequential(
            OrderedDict(
                conv1=_normalised(half if self.splits else in_channels, half, 1),
                relu1=nn.ReLU(),
                depthwise=_normalised(half, half, 3, stride, groups=half),
                conv2=_normalised(half, half, 1),
                relu2=nn.ReLU(),
            )
        )
        self.shortcut = nn.Identity()
        if not self.splits:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    depthwise=_normalised(in_channels, in_channels, 3, stride, groups=in_channels),
                    conv=_normalised(in_channels, half, 1),
                    relu=nn.ReLU(),
                )
            )
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        passing, worked = x.chunk(2, dim=1) if self.splits else (x, x)
        return self.shuffle(torch.cat([self.shortcut(passing), self.path(worked)], dim=1))


def shufflenet_v2(classes: int = 1000, width: float = 1.0) -> nn.Sequential:
    """Return ShuffleNet v2 at `width` 0.5, 1, 1.5 or 2: (N, 3, 224, 224) to (N, classes) logits.

    Raises `ValueError` for another width.
    """
    if width not in V2_CHANNELS:
        raise ValueError(f"ShuffleNet v2 has widths {', '.join(map(str, V2_CHANNELS))}, and not {width}.")
    *stages, last = V2_CHANNELS[width]
    layers = _stem()
    channels = 24
    for stage, (count, made) in enumerate(zip(REPEATS, stages, strict=True), start=2):
        for number in range(1, count + 1):
            layers[f"stage{stage}_{number}"] = SplitUnit(channels, made, 2 if number == 1 else 1)
            channels = made
    layers |= {"conv5": _normalised(channels, last, 1), "relu5": nn.ReLU()}
    return _finished(layers, last, classes)


def _normalised(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(channels)))


def _stem() -> OrderedDict[str, nn.Module]:
    return OrderedDict(
        conv1=_normalised(3, 24, 3, stride=2), relu1=nn.ReLU(), pool1=nn.MaxPool2d(3, stride=2, padding=1)
    )


def _finished(layers: OrderedDict[str, nn.Module], channels: int, classes: int) -> nn.Sequential:
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes)}
    network = nn.Sequential(layers)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return network
