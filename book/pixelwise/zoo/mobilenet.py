"""MobileNet v1 (Howard et al., MobileNets, 2017), table 1, and v2 (Sandler et al., MobileNetV2, 2018), table 2.

Neither paper says how its networks were initialised; here it is He's.
"""

from collections import OrderedDict

from torch import Tensor, nn

# Table 1 of v1: a depthwise 3×3 with this stride, then a 1×1 to so many channels. The table gives the last depthwise
# layer stride 2, a misprint: its input and its output are both 7×7, which is stride 1.
V1_BLOCKS = (
    (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512),
    (1, 512), (1, 512), (1, 512), (1, 512), (1, 512), (2, 1024), (1, 1024),
)  # fmt: skip

# Table 2 of v2: expansion t, channels c, repetitions n, stride s of the first repetition.
V2_BLOCKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def convolution(
    in_channels: int,
    channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Return a convolution that keeps the size (but for its stride), batch normalisation and the activation, if any."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: dict[str, nn.Module] = {"conv": conv, "norm": nn.BatchNorm2d(channels)}
    if activation is not None:
        layers["relu"] = activation()
    return nn.Sequential(OrderedDict(layers))


def mobilenet_v1(classes: int = 1000, width: float = 1.0) -> nn.Sequential:
    """Return MobileNet v1 with `width` times the channels of table 1: (N, 3, 224, 224) to (N, classes) logits."""
    channels = int(32 * width)
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv1=convolution(3, channels, 3, stride=2))
    for number, (stride, made) in enumerate(V1_BLOCKS, start=2):
        made = int(made * width)
        layers[f"depthwise{number}"] = convolution(channels, channels, 3, stride, groups=channels)
        layers[f"pointwise{number}"] = convolution(channels, made, 1)
        channels = made
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes)}
    return _initialised(nn.Sequential(layers))


class InvertedResidual(nn.Module):
    """1×1 to `expansion` times the channels, depthwise 3×3, 1×1 down with no activation; a shortcut where it fits.

    Maps (N, in_channels, H, W) to (N, channels, H/stride, W/stride).
    """

    def __init__(self, in_channels: int, channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * in_channels
        layers = OrderedDict(
            depthwise=convolution(inner, inner, 3, stride, groups=inner, activation=nn.ReLU6),
            project=convolution(inner, channels, 1, activation=None),
        )
        if expansion > 1:
            layers["expand"] = convolution(in_channels, inner, 1, activation=nn.ReLU6)
            layers.move_to_end("expand", last=False)
        self.path = nn.Sequential(layers)
        self.has_shortcut = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.path(x) if self.has_shortcut else self.path(x)


def mobilenet_v2(classes: int = 1000) -> nn.Sequential:
    """Return MobileNet v2: (N, 3, 224, 224) to (N, classes) logits."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv1=convolution(3, 32, 3, stride=2, activation=nn.ReLU6))
    channels = 32
    for stage, (expansion, made, count, stride) in enumerate(V2_BLOCKS, start=1):
        for number in range(1, count + 1):
            block = InvertedResidual(channels, made, expansion, stride if number == 1 else 1)
            layers[f"stage{stage}_{number}"] = block
            channels = made
    layers["conv2"] = convolution(channels, 1280, 1, activation=nn.ReLU6)
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "drop": nn.Dropout(0.2)}
    layers["fc"] = nn.Linear(1280, classes)
    return _initialised(nn.Sequential(layers))


def _initialised(network: nn.Sequential) -> nn.Sequential:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    nn.init.normal_(network.fc.weight, std=0.01)
    nn.init.zeros_(network.fc.bias)
    return network
