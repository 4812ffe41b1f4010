"""ResNeXt (Xie et al., Aggregated residual transformations for deep neural networks, 2017), table 1."""

from torch import nn

from pixelwise.zoo import resnet


def resnext(
    depth: int = 50, cardinality: int = 32, base_width: int = 4, classes: int = 1000, stride_on: str = "3x3"
) -> nn.Sequential:
    """Return ResNeXt-`depth` (`cardinality`×`base_width`d): (N, 3, 224, 224) to (N, classes) logits.

    The 3×3 convolution of a bottleneck has `cardinality` groups of `base_width` channels in the first stage, and twice
    as many channels a group in each stage after it (figure 3c). `stride_on` is as in `resnet.bottleneck`.
    """

    def block(in_channels: int, width: int, stride: int, dilations: tuple[int, int]) -> resnet.Residual:
        inner = cardinality * base_width * width // 64
        return resnet.bottleneck(in_channels, width, stride, stride_on, inner, groups=cardinality, dilations=dilations)

    return resnet.stacked(block, resnet.DEPTHS[depth], classes)
