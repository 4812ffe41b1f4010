"""FCN (Long, Shelhamer and Darrell, Fully convolutional networks for semantic segmentation, 2015), figure 3, on VGG.

The classifier's fully connected layers become convolutions, fc6 one of 7×7 and fc7 one of 1×1; a 1×1 convolution scores
the classes at a stride of 32 pixels. FCN-32s upsamples these scores to the image. FCN-16s upsamples them by 2, adds
scores made from pool4, and upsamples the sum by 16. FCN-8s does so once more with pool3.

The paper starts from a trained VGG-16, with score layers of zeros and upsampling that begins as bilinear
interpolation. Its text keeps the last upsampling fixed and learns the others; the code that its authors published keeps
all of them fixed. Trained "at once" (Shelhamer, Long and Darrell, 2017) the scores of pool4 and pool3 come from maps
multiplied by 0.01 and 0.0001, because these are larger than fc7's; that is left out here. Without trained weights at
hand, convolutions are initialised after He et al., 2015.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelwise.zoo import vgg
from pixelwise.zoo.initialisation import initialise_he

# Where the authors' networks crop: units of the scores from pool4 and pool3, pixels of the last upsampling by stride.
# They follow from the padding of 100 pixels, which lets an image of any size fill one window of fc6.
PADDING = 100
SKIP_OFFSETS = {"pool4": 5, "pool3": 9}
IMAGE_OFFSETS = {32: 19, 16: 27, 8: 31}
SKIPS = {32: (), 16: ("pool4",), 8: ("pool4", "pool3")}


def bilinear_kernel(factor: int) -> Tensor:
    """Return the kernel (2·factor, 2·factor) with which a transposed convolution interpolates bilinearly by `factor`.

    `factor` is even. Source: Long et al., 2015, section 3.3.
    """
    tent = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    return tent[:, None] * tent


class Upsampling(nn.Module):
    """A transposed convolution that maps (N, C, H, W) by `factor` and begins as bilinear interpolation.

    Unless `learned`, its kernel is fixed and has no parameters. Learned, it has a kernel for each pair of channels,
    those between different channels zero at first.

    Without `aligned` the output has (n + 1)·factor units along an axis of n: all that the kernel reaches. With it, the
    border is repeated once and the overhang cut off, so that n·factor units are left, at the start exactly those of
    `F.interpolate(mode="bilinear", align_corners=False)`.
    """

    def __init__(self, channels: int, factor: int, learned: bool, aligned: bool) -> None:
        super().__init__()
        self.factor, self.aligned = factor, aligned
        kernel = bilinear_kernel(factor)
        if learned:
            self.groups = 1
            self.weight = nn.Parameter(torch.eye(channels)[:, :, None, None] * kernel)
        else:
            self.groups = channels
            self.register_buffer("weight", kernel.repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        cut = 0
        if self.aligned:
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
            cut = self.factor + self.factor // 2
        return F.conv_transpose2d(x, self.weight, stride=self.factor, padding=cut, groups=self.groups)


class FCN(nn.Module):
    """FCN-32s, 16s or 8s, by `stride`: (N, 3, H, W) to logits (N, classes, H, W) for every H and W.

    `configuration` is that of `vgg.stages`; fc6 has windows of `kernel`×`kernel`, and fc6 and fc7 have `head` channels
    and the paper's `dropout`. `normalise` adds batch normalisation, which the paper does not have, after each 3×3
    convolution and fc6 and fc7. `learned` says which upsampling is learned: "intermediate" as in the paper's text,
    "none" as in its authors' code, or "all".

    `crops` says how sizes are met. "paper": the image is padded by 100 pixels, fc6 by none, and larger maps are
    cropped at the offsets 19, 27 or 31, 5 and 9 of the authors' networks. "modern": all convolutions keep the size, and
    what poolings of odd sizes add is cut off at the end, which makes the same alignment without the 100 pixels.

    Raises `ValueError` for another stride, `crops` or `learned`, for an even `kernel`, and for one that is not 7 where
    `crops` is "paper", whose offsets hold for 7 alone.
    """

    def __init__(
        self,
        stride: int = 8,
        configuration: vgg.Configuration = "D",
        classes: int = 21,
        crops: str = "paper",
        normalise: bool = False,
        head: int = 4096,
        kernel: int = 7,
        dropout: float = 0.5,
        learned: str = "intermediate",
    ) -> None:
        super().__init__()
        if stride not in SKIPS:
            raise ValueError(f"FCN has strides 32, 16 and 8, and no {stride}.")
        if crops not in ("paper", "modern"):
            raise ValueError(f'crops must be "paper" or "modern", not {crops!r}.')
        if learned not in ("none", "intermediate", "all"):
            raise ValueError(f'learned must be "none", "intermediate" or "all", not {learned!r}.')
        if kernel % 2 == 0 or (crops == "paper" and kernel != 7):
            raise ValueError(f'fc6 needs an odd kernel, and 7 where crops is "paper"; {kernel} does not fit.')
        self.stride, self.crops = stride, crops
        aligned = crops == "modern"

        self.encoder = _encoder(vgg.stages(configuration), normalise, first_padding=1 if aligned else PADDING)
        channels = {f"pool{i}": stage[-1] for i, stage in enumerate(vgg.stages(configuration), start=1)}
        self.head = nn.Sequential(
            OrderedDict(
                **_convolution(
                    "fc6", "relu6", channels["pool5"], head, kernel, kernel // 2 if aligned else 0, normalise
                ),
                drop6=nn.Dropout(dropout),
                **_convolution("fc7", "relu7", head, head, 1, 0, normalise),
                drop7=nn.Dropout(dropout),
                score_fr=nn.Conv2d(head, classes, 1),
            )
        )
        self.scores = nn.ModuleDict({name: nn.Conv2d(channels[name], classes, 1) for name in SKIPS[stride]})
        self.upsample = nn.ModuleDict(
            {name: Upsampling(classes, 2, learned != "none", aligned) for name in SKIPS[stride]}
        )
        self.upsample_last = Upsampling(classes, stride, learned == "all", aligned)
        initialise_he(self)
        for layer in (self.head.score_fr, *self.scores.values()):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        pools = {}
        for name, layer in self.encoder.named_children():
            x = layer(x)
            if name in self.scores:
                pools[name] = x
        x = self.head(x)
        for name, score in self.scores.items():
            x, skip = self.upsample[name](x), score(pools[name])
            if self.crops == "paper":
                x = x + _crop(skip, SKIP_OFFSETS[name], *x.shape[2:])
            else:
                x = _crop(x, 0, *skip.shape[2:]) + skip
        return _crop(self.upsample_last(x), IMAGE_OFFSETS[self.stride] if self.crops == "paper" else 0, height, width)


def _encoder(stages: tuple[tuple[int, ...], ...], normalise: bool, first_padding: int) -> nn.Sequential:
    """VGG's five stages, under VGG's names. Pooling rounds up, as in Caffe, so that no pixel is dropped at the end."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for stage, widths in enumerate(stages, start=1):
        for number, made in enumerate(widths, start=1):
            name, padding = f"{stage}_{number}", 1 if layers else first_padding
            layers |= _convolution(f"conv{name}", f"relu{name}", channels, made, 3, padding, normalise)
            channels = made
        layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
    return nn.Sequential(layers)


def _convolution(
    name: str, relu: str, in_channels: int, channels: int, kernel: int, padding: int, normalise: bool
) -> dict[str, nn.Module]:
    layers: dict[str, nn.Module] = {name: nn.Conv2d(in_channels, channels, kernel, padding=padding, bias=not normalise)}
    if normalise:
        layers[f"{name}_norm"] = nn.BatchNorm2d(channels)
    return layers | {relu: nn.ReLU()}


def _crop(x: Tensor, offset: int, height: int, width: int) -> Tensor:
    return x[:, :, offset : offset + height, offset : offset + width]
