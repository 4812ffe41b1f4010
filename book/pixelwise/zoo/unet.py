"""U-Net (Ronneberger, Fischer and Brox, Convolutional networks for biomedical image segmentation, 2015), figure 1.

Two 3×3 convolutions a level. On the way down the width doubles after each 2×2 pooling; on the way up a 2×2 transposed
convolution doubles the size and halves the width, and the map of the same level on the way down is concatenated. The
paper's convolutions are not padded: of 572×572 pixels it labels the inner 388×388, and crops the maps that it
concatenates to their middle. Initialised after He et al., 2015, as the paper says.
"""

from collections import OrderedDict

from torch import Tensor, cat, nn


class UNet(nn.Module):
    """U-Net of `depth` poolings and `width` channels at full size: (N, in_channels, H, W) to (N, classes, H, W) logits.

    With `padding` "same" convolutions keep the size, pooling rounds odd sizes up, and what upsampling then adds is cut
    off at the end: every H and W will do. With "valid", the paper's, the logits are those of the middle of the image,
    and each map that is pooled must have even sides.

    `normalise` adds batch normalisation after each 3×3 convolution; the paper has none. `dropout` follows the deepest
    level, the end of the contracting path. `upsampling` is "transposed" as in the paper, or "bilinear" followed by a
    1×1 convolution that halves the width. Without `skips` nothing is concatenated: the first convolution of each level
    on the way up reads half as many channels, and all maps on the way up keep their widths.

    Raises `ValueError` for another `padding` or `upsampling`, and on an image of a size that "valid" cannot take.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        depth: int = 4,
        padding: str = "same",
        normalise: bool = False,
        dropout: float = 0.5,
        skips: bool = True,
        upsampling: str = "transposed",
    ) -> None:
        super().__init__()
        if padding not in ("same", "valid"):
            raise ValueError(f'padding must be "same" or "valid", not {padding!r}.')
        if upsampling not in ("transposed", "bilinear"):
            raise ValueError(f'upsampling must be "transposed" or "bilinear", not {upsampling!r}.')
        self.valid, self.skips = padding == "valid", skips
        widths = [width * 2**level for level in range(depth + 1)]

        def double(before: int, made: int) -> nn.Sequential:
            return _double_convolution(before, made, 0 if self.valid else 1, normalise)

        self.down = nn.ModuleDict()
        for level, (before, made) in enumerate(zip([in_channels, *widths], widths, strict=False), start=1):
            self.down[f"level{level}"] = double(before, made)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.drop = nn.Dropout(dropout)
        self.upsample, self.up = nn.ModuleDict(), nn.ModuleDict()
        for level in range(depth, 0, -1):
            made = widths[level - 1]
            self.upsample[f"level{level}"] = _upsampling(2 * made, made, upsampling)
            self.up[f"level{level}"] = double(2 * made if skips else made, made)
        self.score = nn.Conv2d(width, classes, 1)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                # Each output of a 2×2 transposed convolution of stride 2 sums over the channels at one place alone.
                fan = layer.in_channels * (1 if isinstance(layer, nn.ConvTranspose2d) else layer.weight[0, 0].numel())
                nn.init.normal_(layer.weight, std=(2 / fan) ** 0.5)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        image = tuple(x.shape[2:])
        on_the_way = {}
        *levels, deepest = self.down
        for level in levels:
            x = on_the_way[level] = self.down[level](x)
            if self.valid and any(side % 2 for side in x.shape[2:]):
                raise ValueError(
                    f"Without padding, an image of {image[0]}×{image[1]} gives a map of {x.shape[2]}×{x.shape[3]} to "
                    'pool by 2: choose a size that keeps these even, such as 572×572, or padding "same".'
                )
            x = self.pool(x)
        x = self.drop(self.down[deepest](x))
        for level in reversed(levels):
            x, skip = _matched(self.upsample[level](x), on_the_way[level])
            x = self.up[level](cat([skip, x], dim=1) if self.skips else x)
        return self.score(x)


def _double_convolution(before: int, made: int, padding: int, normalise: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, channels in enumerate((before, made), start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, made, 3, padding=padding, bias=not normalise)
        if normalise:
            layers[f"norm{number}"] = nn.BatchNorm2d(made)
        layers[f"relu{number}"] = nn.ReLU()
    return nn.Sequential(layers)


def _upsampling(before: int, made: int, kind: str) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(before, made, 2, stride=2)
    return nn.Sequential(
        OrderedDict(interpolate=nn.Upsample(scale_factor=2, mode="bilinear"), halve=nn.Conv2d(before, made, 1))
    )


def _matched(x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
    """Cut what odd sizes added to x off at its end, and crop a larger skip to its middle."""
    x = x[:, :, : skip.shape[2], : skip.shape[3]]
    top, left = ((larger - smaller) // 2 for larger, smaller in zip(skip.shape[2:], x.shape[2:], strict=True))
    return x, skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
