"""Convolutional parts of well-known networks as layers of `pixelwise.arithmetic`, from each paper's own table.

They carry windows and channels, no weights: enough for receptive fields, sizes and budgets.
"""

from pixelwise.arithmetic import Branches, Conv, Layer, Pool, Stack

# Krizhevsky et al. 2012. The paper says 224×224; its sizes follow from 227×227 without padding in conv1.
ALEXNET: Stack = (
    Conv(11, stride=4, channels=96, name="conv1"),
    Pool(3, stride=2, name="pool1"),
    Conv(5, padding=2, channels=256, groups=2, name="conv2"),
    Pool(3, stride=2, name="pool2"),
    Conv(3, padding=1, channels=384, name="conv3"),
    Conv(3, padding=1, channels=384, groups=2, name="conv4"),
    Conv(3, padding=1, channels=256, groups=2, name="conv5"),
    Pool(3, stride=2, name="pool5"),
)

# Zeiler and Fergus 2014, figure 3: 224 → 110 → 55 → 26 → 13 → 6. The figure leaves padding out; this is what fits it.
ZFNET: Stack = (
    Conv(7, stride=2, padding=1, channels=96, name="conv1"),
    Pool(3, stride=2, padding=1, name="pool1"),
    Conv(5, stride=2, channels=256, name="conv2"),
    Pool(3, stride=2, padding=1, name="pool2"),
    Conv(3, padding=1, channels=384, name="conv3"),
    Conv(3, padding=1, channels=384, name="conv4"),
    Conv(3, padding=1, channels=256, name="conv5"),
    Pool(3, stride=2, name="pool5"),
)

# Simonyan and Zisserman 2015, table 1: how many 3×3 layers (and how many channels) come before each pooling.
VGG_CHANNELS = (64, 128, 256, 512, 512)
VGG_DEPTHS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}


def vgg(configuration: str = "D") -> Stack:
    """Return configuration A, B, D (VGG-16) or E (VGG-19) up to its last pooling."""
    layers: list[Layer] = []
    for stage, (depth, channels) in enumerate(zip(VGG_DEPTHS[configuration], VGG_CHANNELS, strict=True), start=1):
        layers += [Conv(3, padding=1, channels=channels, name=f"conv{stage}_{i}") for i in range(1, depth + 1)]
        layers += [Pool(2, name=f"pool{stage}")]
    return tuple(layers)


# He et al. 2016, table 1: blocks in each of the four stages.
RESNET_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
RESNET_STEM: Stack = (
    Conv(7, stride=2, padding=3, channels=64, bias=False, name="conv1"),
    Pool(3, stride=2, padding=1, name="pool1"),
)


def resnet(depth: int = 50, stride_on: str = "1×1") -> Stack:
    """Return ResNet-18, 34, 50, 101 or 152 up to its last block.

    `stride_on` says which convolution of a bottleneck subsamples: the first "1×1", as in the paper (v1), or the "3×3",
    as in torchvision (v1.5). Batch normalisation sees nothing and is left out.
    """
    layers: list[Layer | Branches] = list(RESNET_STEM)
    channels = 64
    for stage, blocks in enumerate(RESNET_DEPTHS[depth], start=2):
        width = 64 * 2 ** (stage - 2)
        for block in range(blocks):
            stride = 2 if stage > 2 and block == 0 else 1
            path = _basic(width, stride) if depth < 50 else _bottleneck(width, stride, stride_on)
            made = path[-1].channels
            same = stride == 1 and made == channels
            shortcut = () if same else (Conv(1, stride=stride, channels=made, bias=False, name="projection"),)
            layers.append(Branches((path, shortcut), name=f"conv{stage}_{block + 1}"))
            channels = made
    return tuple(layers)


def _basic(width: int, stride: int) -> tuple[Conv, ...]:
    return (
        Conv(3, stride=stride, padding=1, channels=width, bias=False),
        Conv(3, padding=1, channels=width, bias=False),
    )


def _bottleneck(width: int, stride: int, stride_on: str) -> tuple[Conv, ...]:
    first, second = (stride, 1) if stride_on == "1×1" else (1, stride)
    return (
        Conv(1, stride=first, channels=width, bias=False),
        Conv(3, stride=second, padding=1, channels=width, bias=False),
        Conv(1, channels=4 * width, bias=False),
    )


# Howard et al. 2017, table 1: a depthwise 3×3 with this stride, then a 1×1 to so many channels, thirteen times.
MOBILENET_V1_BLOCKS = (
    (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512),
    (1, 512), (1, 512), (1, 512), (1, 512), (1, 512), (2, 1024), (1, 1024),
)  # fmt: skip


def mobilenet_v1() -> Stack:
    """Return MobileNet v1 at width 1 up to its last 1×1 convolution; batch normalisation is left out."""
    layers = [Conv(3, stride=2, padding=1, channels=32, bias=False, name="conv1")]
    channels = 32
    for number, (stride, made) in enumerate(MOBILENET_V1_BLOCKS, start=2):
        layers.append(
            Conv(3, stride=stride, padding=1, channels=channels, groups=channels, bias=False, name=f"dw{number}")
        )
        layers.append(Conv(1, channels=made, bias=False, name=f"pw{number}"))
        channels = made
    return tuple(layers)
