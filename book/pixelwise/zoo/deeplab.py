"""DeepLab v1 to v3+ (Chen, Papandreou, Kokkinos, Murphy and Yuille, 2015 and 2018; Chen et al., 2017 and 2018).

Dilated (in these papers: atrous) convolutions keep the maps of a classifier at a stride of 8 or 16 pixels instead of
32, with as many weights, and with windows that see as much of the image.

- v1 (Semantic image segmentation with deep convolutional nets and fully connected CRFs, 2015): VGG-16 whose last two
  poolings keep the size; fc6 is a 3×3 convolution of dilation 12, "large field of view".
- v2 (DeepLab, 2018): atrous spatial pyramid pooling (ASPP), four such branches of dilations 6, 12, 18 and 24, summed.
- v3 (Rethinking atrous convolution, 2017): batch normalisation in ASPP, a 1×1 convolution and the mean of the whole map
  as further branches, concatenated; multi-grid in conv5.
- v3+ (Encoder–decoder with atrous separable convolution, 2018): a decoder that adds the map of conv2. Here its encoder
  is ResNet, and the convolutions are not separable.

The papers start from trained classifiers. Without trained weights at hand all is initialised after He et al., 2015. The
conditional random field that v1 and v2 put after the network is not part of it.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, cat, nn

from pixelwise.zoo import resnet, vgg
from pixelwise.zoo.initialisation import initialise_he
from pixelwise.zoo.resnet import rectified


class DeepLab(nn.Module):
    """A head that scores the map of an encoder: (N, 3, H, W) to logits (N, classes, H, W) for every H and W.

    The encoder's units are `stride` pixels apart, the first at the first pixel. The scores are upsampled bilinearly, so
    that each keeps its place, as `upsampled` does; or, unless `aligned`, as in torchvision, which stretches their map
    over the image and so moves scores by up to half a stride.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, stride: int, aligned: bool = True) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.stride, self.aligned = stride, aligned
        initialise_he(self)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        x = self.head(self.encoder(x))
        if self.aligned:
            return upsampled(x, self.stride, *size)
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def v1(
    classes: int = 21,
    configuration: vgg.Configuration = "D",
    head: int = 1024,
    kernel: int = 3,
    dilation: int = 12,
    dropout: float = 0.5,
    normalise: bool = False,
) -> DeepLab:
    """Return DeepLab v1, by default DeepLab-LargeFOV: (N, 3, H, W) to logits (N, classes, H, W).

    `configuration` is that of `vgg.stages`; fc6 has windows of `kernel`×`kernel` and this `dilation`, and fc6 and fc7
    `head` channels and the paper's `dropout`. Table 2 of the paper has four of these: kernel 7, dilation 4; kernel 4,
    dilation 4 or 8, all three with 4096 channels; and LargeFOV. `normalise` adds batch normalisation, which the paper
    does not have, after each 3×3 convolution, fc6 and fc7.

    Raises `ValueError` where fc6 cannot keep the size: for an even kernel with an odd dilation.
    """
    channels = vgg.stages(configuration)[-1][-1]
    scores = _fc6_to_fc8(channels, head, classes, kernel, dilation, dropout, normalise)
    return DeepLab(_vgg(configuration, normalise), scores, stride=8)


def v2_vgg(
    classes: int = 21,
    configuration: vgg.Configuration = "D",
    head: int = 1024,
    rates: Sequence[int] = (6, 12, 18, 24),
    dropout: float = 0.5,
    normalise: bool = False,
) -> DeepLab:
    """Return DeepLab v2 on VGG-16: (N, 3, H, W) to logits (N, classes, H, W).

    Each of `rates` is the dilation of a branch of fc6, fc7 and fc8 (figure 7 b); the paper's ASPP-S has 2, 4, 8 and 12.
    The rest is as in `v1`.

    Raises `ValueError` for `rates` that are not different numbers from 1 on.
    """
    channels = vgg.stages(configuration)[-1][-1]
    branches = {
        f"rate{rate}": _fc6_to_fc8(channels, head, classes, 3, rate, dropout, normalise)
        for rate in different(rates, "rates")
    }
    return DeepLab(_vgg(configuration, normalise), Summed(branches), stride=8)


def v2_resnet(
    depth: int = 101,
    classes: int = 21,
    width: int = 64,
    rates: Sequence[int] = (6, 12, 18, 24),
    output_stride: int = 8,
    stride_on: str = "1x1",
) -> DeepLab:
    """Return DeepLab v2 on ResNet: (N, 3, H, W) to logits (N, classes, H, W).

    A branch of the pyramid is one 3×3 convolution from conv5 to the classes, as in the authors' network. `stride_on` is
    that of `resnet.bottleneck`, and the other options those of `resnet.body`.

    Raises `ValueError` as `resnet.backbone` and `v2_vgg` do.
    """
    encoder = resnet.backbone(depth, stride_on, width=width, output_stride=output_stride)
    channels = encoder.conv5[-1].channels
    branches = {
        f"rate{rate}": nn.Conv2d(channels, classes, 3, padding=rate, dilation=rate)
        for rate in different(rates, "rates")
    }
    return DeepLab(encoder, Summed(branches), output_stride)


def v3(
    depth: int = 50,
    classes: int = 21,
    width: int = 64,
    head: int = 256,
    output_stride: int = 16,
    rates: Sequence[int] | None = None,
    grid: Sequence[int] | None = (1, 2, 4),
    dropout: float = 0.0,
    extra: bool = False,
    aligned: bool = True,
) -> DeepLab:
    """Return DeepLab v3 on ResNet: (N, 3, H, W) to logits (N, classes, H, W).

    `width`, `output_stride` and `grid` are those of `resnet.body`; without `grid` blocks are torchvision's, and for
    ResNet-18, which has two blocks in conv5, it must have two factors. A branch of the pyramid has `head` channels and
    one of `rates`, in the paper 6, 12 and 18 at a stride of 16 pixels and twice as much at 8. The mean of a map needs
    more than one image for batch normalisation in training.

    torchvision's network has `output_stride=8, grid=None, dropout=0.5, extra=True, aligned=False`: dropout behind the
    pyramid, then an extra 3×3 convolution before the scores, and maps upsampled as `DeepLab` says.

    Raises `ValueError` as `resnet.backbone` and `v2_vgg` do.
    """
    encoder = resnet.backbone(depth, width=width, output_stride=output_stride, grid=grid)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["aspp"] = Pyramid(encoder.conv5[-1].channels, head, _rates(rates, output_stride))
    layers["drop"] = nn.Dropout(dropout)
    if extra:
        layers["extra"] = rectified(head, head, 3)
    layers["score"] = nn.Conv2d(head, classes, 1)
    return DeepLab(encoder, nn.Sequential(layers), output_stride, aligned)


class DeepLabV3Plus(nn.Module):
    """DeepLab v3+ on ResNet: (N, 3, H, W) to logits (N, classes, H, W) for every H and W.

    The pyramid's map is upsampled to a stride of 4 pixels and concatenated with that of conv2, which a 1×1 convolution
    reduces to `reduced` channels; two 3×3 convolutions of `head` channels follow (tables 1 and 2 of the paper). The
    other options are those of `v3`.

    Raises `ValueError` as `v3` does.
    """

    def __init__(
        self,
        depth: int = 101,
        classes: int = 21,
        width: int = 64,
        head: int = 256,
        reduced: int = 48,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        grid: Sequence[int] | None = (1, 2, 4),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_stride = output_stride
        self.encoder = resnet.backbone(depth, width=width, output_stride=output_stride, grid=grid)
        self.aspp = Pyramid(self.encoder.conv5[-1].channels, head, _rates(rates, output_stride))
        self.reduce = rectified(self.encoder.conv2[-1].channels, reduced, 1)
        self.decoder = nn.Sequential(
            OrderedDict(
                conv1=rectified(head + reduced, head, 3),
                conv2=rectified(head, head, 3),
                drop=nn.Dropout(dropout),
                score=nn.Conv2d(head, classes, 1),
            )
        )
        initialise_he(self)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        for name, layer in self.encoder.named_children():
            x = layer(x)
            if name == "conv2":
                fine = self.reduce(x)
        x = upsampled(self.aspp(x), self.output_stride // 4, *fine.shape[2:])
        return upsampled(self.decoder(cat([x, fine], dim=1)), 4, *size)


class Pyramid(nn.Module):
    """The ASPP of v3: (N, in_channels, H, W) to (N, channels, H, W).

    A 1×1 convolution, a 3×3 convolution for each dilation among `rates`, and the mean of the whole map, all with batch
    normalisation and ReLU, are concatenated, and a 1×1 convolution fuses them.
    """

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"rate0": rectified(in_channels, channels, 1)})
        for rate in different(rates, "rates"):
            self.branches[f"rate{rate}"] = rectified(in_channels, channels, 3, dilation=rate)
        self.image = nn.Sequential(
            OrderedDict(pool=nn.AdaptiveAvgPool2d(1), **dict(rectified(in_channels, channels, 1).named_children()))
        )
        self.fuse = rectified((len(self.branches) + 1) * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        made = [branch(x) for branch in self.branches.values()]
        made.append(self.image(x).expand_as(made[0]))  # what bilinear interpolation makes of a single unit
        return self.fuse(cat(made, dim=1))


class Summed(nn.ModuleDict):
    """The ASPP of v2: the sum of its branches, each of which maps (N, C, H, W) to scores (N, classes, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        first, *others = (branch(x) for branch in self.values())
        for other in others:
            first = first + other
        return first


def upsampled(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """Interpolate (N, C, h, w) bilinearly to (N, C, height, width), unit (i, j) staying at pixel (i·factor, j·factor).

    There the fields of maps are centred whose layers all pad symmetrically, each window having an odd side. Behind the
    last unit its value is repeated. On sides of a multiple of `factor` and one more pixel, the papers' 321 and 513,
    this is `F.interpolate` with `align_corners=True`; `height` is at most factor·h and `width` at most factor·w.
    """
    x = F.pad(x, (0, 1, 0, 1), mode="replicate")
    size = [factor * (side - 1) + 1 for side in x.shape[2:]]
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)[:, :, :height, :width]


def different(numbers: Sequence[int], name: str) -> Sequence[int]:
    """Return `numbers`; `name` is for the message.

    Raises `ValueError` unless these are different numbers from 1 on, and at least one.
    """
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 1:
        raise ValueError(f"{name} must be different numbers from 1 on, not {tuple(numbers)}.")
    return numbers


def _rates(rates: Sequence[int] | None, output_stride: int) -> Sequence[int]:
    """The dilations given or the paper's: 6, 12 and 18 at a stride of 16, and the same number of pixels at others."""
    return tuple(96 * number // output_stride for number in (1, 2, 3)) if rates is None else rates


def _vgg(configuration: vgg.Configuration, normalise: bool) -> nn.Sequential:
    """VGG's five stages under VGG's names. The last two poolings keep the size, and conv5 is dilated by 2.

    The authors' windows of pooling have 3×3 units where VGG has 2×2, so that all units stay at one place of a pixel.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for stage, widths in enumerate(vgg.stages(configuration), start=1):
        for number, made in enumerate(widths, start=1):
            name = f"{stage}_{number}"
            layers |= _convolution(f"conv{name}", f"relu{name}", channels, made, 3, 2 if stage == 5 else 1, normalise)
            channels = made
        layers[f"pool{stage}"] = nn.MaxPool2d(3, stride=2 if stage < 4 else 1, padding=1)
    return nn.Sequential(layers)


def _fc6_to_fc8(
    in_channels: int, head: int, classes: int, kernel: int, dilation: int, dropout: float, normalise: bool
) -> nn.Sequential:
    if kernel % 2 == 0 and dilation % 2:
        raise ValueError(
            f"fc6 keeps the size if its kernel is odd or its dilation even; {kernel} and {dilation} do not."
        )
    return nn.Sequential(
        OrderedDict(
            **_convolution("fc6", "relu6", in_channels, head, kernel, dilation, normalise),
            drop6=nn.Dropout(dropout),
            **_convolution("fc7", "relu7", head, head, 1, 1, normalise),
            drop7=nn.Dropout(dropout),
            fc8=nn.Conv2d(head, classes, 1),
        )
    )


def _convolution(
    name: str, relu: str, in_channels: int, channels: int, kernel: int, dilation: int, normalise: bool
) -> dict[str, nn.Module]:
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv2d(in_channels, channels, kernel, padding=padding, dilation=dilation, bias=not normalise)
    norm = {f"{name}_norm": nn.BatchNorm2d(channels)} if normalise else {}
    return {name: conv, **norm, relu: nn.ReLU()}
