"""ResNet (He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2016), table 1.

Initialised after He et al., Delving deep into rectifiers, 2015, as the paper says.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

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


def basic(in_channels: int, width: int, stride: int = 1, dilations: tuple[int, int] = (1, 1)) -> Residual:
    """Return a block of two 3×3 convolutions to `width` channels, figure 5 left; `dilations` are theirs."""
    path = nn.Sequential(
        OrderedDict(
            conv1=normalised(in_channels, width, 3, stride, dilation=dilations[0]),
            relu1=nn.ReLU(),
            conv2=normalised(width, width, 3, dilation=dilations[1]),
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
    dilations: tuple[int, int] = (1, 1),
) -> Residual:
    """Return a block 1×1, 3×3, 1×1 to 4·`width` channels, figure 5 right.

    `stride_on` is "1x1" in the paper (v1) and "3x3" in torchvision (v1.5). The rest serves later networks: `inner`
    channels in the 3×3 (`width` unless given), its `groups`, what to put `after` the path, made from its channels, and
    the dilation of the 3×3: the first of `dilations` where the stride stands on it, the second where it stands before.

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
            conv2=normalised(inner, inner, 3, second, groups, dilations[stride_on == "1x1"]),
            relu2=nn.ReLU(),
            conv3=normalised(inner, 4 * width, 1),
        )
    )
    if after is not None:
        path.add_module("after", after(4 * width))
    return Residual(path, in_channels, 4 * width, stride)


def normalised(
    in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a convolution that keeps the size (but for its stride) and its batch normalisation."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(channels)))


def rectified(in_channels: int, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return what `normalised` does and a ReLU."""
    layers = normalised(in_channels, channels, kernel, stride, dilation=dilation)
    layers.add_module("relu", nn.ReLU())
    return layers


# Makes a block from (in_channels, width, stride, dilations).
Block: TypeAlias = Callable[[int, int, int, tuple[int, int]], Residual]


def body(
    block: Block,
    blocks: Sequence[int],
    width: int = 64,
    output_stride: int = 32,
    grid: Sequence[int] | None = None,
) -> nn.Sequential:
    """Return conv1 to conv5 of table 1, `blocks` blocks per stage: (N, 3, H, W) to maps of H/output_stride rounded up.

    Stages have `width`, 2·`width`, 4·`width` and 8·`width` channels, or four times as many behind bottlenecks.

    An `output_stride` below 32 leaves out the strides of the last stages and dilates what comes after by as much. Every
    unit of the original is then still computed, with others between them; blocks are those of torchvision's
    `replace_stride_with_dilation`. With a `grid`, a factor for each block of conv5, all windows of that block are
    dilated by the stage's dilation times the factor, as in DeepLab v3, which calls this multi-grid; the first block
    then also has the dilation of the others.

    Raises `ValueError` for another `output_stride` than 4, 8, 16 and 32, and for a `grid` that does not fit conv5.
    """
    if output_stride not in (4, 8, 16, 32):
        raise ValueError(f"output_stride must be 4, 8, 16 or 32, not {output_stride}.")
    if grid is not None and len(grid) != blocks[-1]:
        raise ValueError(f"A grid needs a factor for each of the {blocks[-1]} blocks of conv5, not {len(grid)}.")
    stem = {
        "conv1": normalised(3, width, 7, stride=2),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(3, stride=2, padding=1),
    }
    stages: dict[str, nn.Module] = {}
    channels, reached, dilation = width, 4, 1
    for stage, count in enumerate(blocks, start=2):
        made: dict[str, nn.Module] = {}
        for number in range(1, count + 1):
            stride, before = 1, dilation
            if stage > 2 and number == 1:
                if reached < output_stride:
                    stride, reached = 2, 2 * reached
                else:
                    dilation *= 2
            dilations = (before, dilation)
            if grid is not None and stage == 5:
                dilations = (dilation * grid[number - 1],) * 2
            made[f"block{number}"] = block(channels, width * 2 ** (stage - 2), stride, dilations)
            channels = made[f"block{number}"].channels
        stages[f"conv{stage}"] = nn.Sequential(OrderedDict(made))
    return nn.Sequential(OrderedDict(**stem, **stages))


def stacked(block: Block, blocks: Sequence[int], classes: int = 1000, **options: Any) -> nn.Sequential:
    """Return the network of table 1 with `blocks` blocks per stage: (N, 3, 224, 224) to (N, classes) logits.

    `block` makes one from (in_channels, width, stride, dilations); `options` are those of `body`.
    """
    network = body(block, blocks, **options)
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    head["fc"] = nn.Linear(network.conv5[-1].channels, classes)
    for name, layer in head.items():
        network.add_module(name, layer)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return network


def resnet(depth: int = 50, classes: int = 1000, stride_on: str = "3x3", **options: Any) -> nn.Sequential:
    """Return ResNet-18, 34, 50, 101 or 152: (N, 3, 224, 224) to (N, classes) logits.

    `stride_on` is as in `bottleneck`, and changes nothing in ResNet-18 and 34, which have none; `options` are those of
    `body`.

    Raises `ValueError` for a depth that is not in the table, and as `body` does.
    """
    return stacked(_block(depth, stride_on), DEPTHS[depth], classes, **options)


def backbone(depth: int = 50, stride_on: str = "3x3", **options: Any) -> nn.Sequential:
    """Return the layers of `resnet` before its head, for networks built on it, which initialise it with the rest.

    Raises `ValueError` as `resnet` does.
    """
    return body(_block(depth, stride_on), DEPTHS[depth], **options)


def _block(depth: int, stride_on: str) -> Block:
    if depth not in DEPTHS:
        raise ValueError(f"ResNet has depths {', '.join(map(str, DEPTHS))}, and no {depth}.")

    def block(in_channels: int, width: int, stride: int, dilations: tuple[int, int]) -> Residual:
        if depth < 50:
            return basic(in_channels, width, stride, dilations)
        return bottleneck(in_channels, width, stride, stride_on, dilations=dilations)

    return block
