"""ResNet (He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2016), table 1.

Initialised after He et al., Delving deep into rectifiers, 2015, as the paper says.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

# Table 1: how many blocks each of the stages conv2 to conv5 has; from 50 layers on the blocks are bottlenecks.
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class Residual(nn.Module):
    """relu(path(x) + shortcut(x)): the shortcut is the identity, or a 1×1 projection where the shape changes.

    Maps (N, in_channels, H, W) to (N, channels, H/stride, W/stride); `path` must do the same, its last ReLU left out.
    """

    def __init__(self, path: nn.Module, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.path = path
        self.channels = channels
        same = stride == 1 and in_channels == channels
        self.shortcut = nn.Identity() if same else normalised(in_channels, channels, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.path(x) + self.shortcut(x))


def basic(in_channels: int, width: int, stride: int = 1) -> Residual:
    """Return a block of two 3×3 convolutions to `width` channels, figure 5 left."""
    path = nn.Sequential(
        OrderedDict(
            conv1=normalised(in_channels, width, 3, stride),
            relu1=nn.ReLU(),
            conv2=normalised(width, width, 3),
        )
    )
    return Residual(path, in_channels, width, stride)


def bottleneck(
    in_channels: int,
    width: int,
    stride: int = 1,
    stride_on: str = "3x3",
    inner: int | None = None,
    groups: int = 1,
    after: Callable[[int], nn.Module] | None = None,
) -> Residual:
    """Return a block 1×1, 3×3, 1×1 to 4·`width` channels, figure 5 right.

    `stride_on` is "1x1" in the paper (v1) and "3x3" in torchvision (v1.5). The rest serves later networks: `inner`
    channels in the 3×3 (`width` unless given), its `groups`, and what to put `after` the path, made from its channels.

    Raises `ValueError` for another `stride_on`.
    """
    if stride_on not in ("1x1", "3x3"):
        raise ValueError(f'stride_on must be "1x1" or "3x3", not {stride_on!r}.')
    inner = inner or width
    first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
    path = nn.Sequential(
        OrderedDict(
            conv1=normalised(in_channels, inner, 1, first),
            relu1=nn.ReLU(),
            conv2=normalised(inner, inner, 3, second, groups),
            relu2=nn.ReLU(),
            conv3=normalised(inner, 4 * width, 1),
        )
    )
    if after is not None:
        path.add_module("after", after(4 * width))
    return Residual(path, in_channels, 4 * width, stride)


def normalised(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size (but for its stride) and its batch normalisation."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(channels)))


def stacked(block: Callable[[int, int, int], Residual], blocks: Sequence[int], classes: int = 1000) -> nn.Sequential:
    """Return the network of table 1 with `blocks` blocks per stage: (N, 3, 224, 224) to (N, classes) logits.

    `block` makes one from (in_channels, width, stride).
    """
    stem = {"conv1": normalised(3, 64, 7, stride=2), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(3, stride=2, padding=1)}
    stages: dict[str, nn.Module] = {}
    channels = 64
    for stage, count in enumerate(blocks, start=2):
        made: dict[str, nn.Module] = {}
        for number in range(1, count + 1):
            stride = 2 if stage > 2 and number == 1 else 1
            made[f"block{number}"] = block(channels, 64 * 2 ** (stage - 2), stride)
            channels = made[f"block{number}"].channels
        stages[f"conv{stage}"] = nn.Sequential(OrderedDict(made))
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, classes)}
    network = nn.Sequential(OrderedDict(**stem, **stages, **head))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return network


def resnet(depth: int = 50, classes: int = 1000, stride_on: str = "3x3") -> nn.Sequential:
    """Return ResNet-18, 34, 50, 101 or 152: (N, 3, 224, 224) to (N, classes) logits.

    `stride_on` is as in `bottleneck`, and changes nothing in ResNet-18 and 34, which have none.

    Raises `ValueError` for a depth that is not in the table.
    """
    if depth not in DEPTHS:
        raise ValueError(f"ResNet has depths {', '.join(map(str, DEPTHS))}, and no {depth}.")

    def block(in_channels: int, width: int, stride: int) -> Residual:
        if depth < 50:
            return basic(in_channels, width, stride)
        return bottleneck(in_channels, width, stride, stride_on)

    return stacked(block, DEPTHS[depth], classes)
