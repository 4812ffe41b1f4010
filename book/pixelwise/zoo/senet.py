"""SENet (Hu, Shen and Sun, Squeeze-and-excitation networks, 2018): SE-ResNet-50 of table 1."""

from collections import OrderedDict

from torch import Tensor, nn

from pixelwise.zoo import resnet


class SqueezeExcitation(nn.Module):
    """Scales each map by a number between 0 and 1 that depends on the means of all maps; (N, C, H, W) to the same.

    After it every unit depends on the whole image, whatever the windows before and behind.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            OrderedDict(
                squeeze=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                fc1=nn.Linear(channels, channels // reduction),
                relu=nn.ReLU(),
                fc2=nn.Linear(channels // reduction, channels),
                sigmoid=nn.Sigmoid(),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)[:, :, None, None]


def se_resnet(depth: int = 50, classes: int = 1000, stride_on: str = "3x3", reduction: int = 16) -> nn.Sequential:
    """Return SE-ResNet-50, 101 or 152: (N, 3, 224, 224) to (N, classes) logits.

    Each bottleneck's path ends in a `SqueezeExcitation`; `stride_on` is as in `resnet.bottleneck`.
    """

    def block(in_channels: int, width: int, stride: int, dilations: tuple[int, int]) -> resnet.Residual:
        def gated(channels: int) -> SqueezeExcitation:
            return SqueezeExcitation(channels, reduction)

        return resnet.bottleneck(in_channels, width, stride, stride_on, after=gated, dilations=dilations)

    return resnet.stacked(block, resnet.DEPTHS[depth], classes)
