"""PSPNet (Zhao, Shi, Qi, Wang and Jia, Pyramid scene parsing network, 2017), figure 3, on a dilated ResNet.

The map of conv5, at a stride of 8 pixels, is averaged over 1×1, 2×2, 3×3 and 6×6 regions; a 1×1 convolution reduces
each of these four to a quarter of the channels, and upsampled they are concatenated with the map itself. While
training, a second loss, which counts 0.4 times as much in the paper, is that of an auxiliary head on conv4.

The encoder is the paper's ResNet with strides replaced by dilation; the authors' own starts with three 3×3 convolutions
instead of one 7×7. They start from a trained classifier. Without trained weights at hand all is initialised after He et
al., 2015.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, cat, nn

from pixelwise.zoo import resnet
from pixelwise.zoo.deeplab import different, upsampled
from pixelwise.zoo.initialisation import initialise_he
from pixelwise.zoo.resnet import rectified

BINS = (1, 2, 3, 6)


class PyramidPooling(nn.Module):
    """Means over b×b regions for each b of `bins`: (N, C, H, W) to (N, C + len(bins)·channels, H, W).

    The map itself is concatenated with the means, each after a 1×1 convolution to `channels`, batch normalisation and
    ReLU. On a map with fewer than b units along a side, neighbouring regions share units. The means of one region need
    more than one image for batch normalisation in training.

    Raises `ValueError` for `bins` that are not different numbers from 1 on.
    """

    def __init__(self, in_channels: int, channels: int, bins: Sequence[int] = BINS) -> None:
        super().__init__()
        self.levels = nn.ModuleDict()
        for count in different(bins, "bins"):
            reduce = dict(rectified(in_channels, channels, 1).named_children())
            self.levels[f"bins{count}"] = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(count), **reduce))

    def forward(self, x: Tensor) -> Tensor:
        # Regions divide the map evenly: stretched over it, each mean stands at the middle of its region.
        means = [
            F.interpolate(level(x), size=x.shape[2:], mode="bilinear", align_corners=False)
            for level in self.levels.values()
        ]
        return cat([x, *means], dim=1)


class PSPNet(nn.Module):
    """PSPNet on ResNet-`depth`: (N, 3, H, W) to logits (N, classes, H, W) for every H and W.

    `width`, `output_stride` and `grid` are those of `resnet.body`; `head` is the number of channels of the convolution
    before the scores, and `dropout` comes between the two. With `auxiliary`, `forward` returns two logits while
    training, the main ones and those of the auxiliary head, which has half as many channels; in evaluation only the
    main ones.

    Raises `ValueError` as `resnet.backbone` does, and for `bins` that are not different numbers from 1 on.
    """

    def __init__(
        self,
        depth: int = 50,
        classes: int = 150,
        width: int = 64,
        head: int = 512,
        bins: Sequence[int] = BINS,
        output_stride: int = 8,
        grid: Sequence[int] | None = None,
        dropout: float = 0.1,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        self.output_stride = output_stride
        self.encoder = resnet.backbone(depth, width=width, output_stride=output_stride, grid=grid)
        channels = self.encoder.conv5[-1].channels
        reduced = channels // len(different(bins, "bins"))
        self.pyramid = PyramidPooling(channels, reduced, bins)
        self.head = _head(channels + len(bins) * reduced, head, classes, dropout)
        self.auxiliary = _head(self.encoder.conv4[-1].channels, head // 2, classes, dropout) if auxiliary else None
        initialise_he(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        size = x.shape[2:]
        for name, layer in self.encoder.named_children():
            x = layer(x)
            if name == "conv4":
                after_conv4 = x
        logits = upsampled(self.head(self.pyramid(x)), self.output_stride, *size)
        if self.training and self.auxiliary is not None:
            # Of 4 and 8 pixels a stride, conv4 and conv5 have the same; of 16 and 32, conv4 has 16.
            return logits, upsampled(self.auxiliary(after_conv4), min(self.output_stride, 16), *size)
        return logits


def _head(in_channels: int, channels: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=rectified(in_channels, channels, 3),
            drop=nn.Dropout(dropout),
            score=nn.Conv2d(channels, classes, 1),
        )
    )
