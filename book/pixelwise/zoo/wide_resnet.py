"""Wide ResNet (Zagoruyko and Komodakis, Wide residual networks, 2016): the wide bottlenecks for ImageNet."""

from torch import nn

from pixelwise.zoo import resnet


def wide_resnet(depth: int = 50, widen: int = 2, classes: int = 1000, stride_on: str = "3x3") -> nn.Sequential:
    """Return a ResNet whose bottlenecks are `widen` times as wide inside: (N, 3, 224, 224) to (N, classes) logits.

    What goes in and out of a block is as in ResNet; `stride_on` is as in `resnet.bottleneck`.
    """

    def block(in_channels: int, width: int, stride: int, dilations: tuple[int, int]) -> resnet.Residual:
        return resnet.bottleneck(in_channels, width, stride, stride_on, inner=widen * width, dilations=dilations)

    return resnet.stacked(block, resnet.DEPTHS[depth], classes)
