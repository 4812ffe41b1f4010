"""GoogLeNet (Szegedy et al., Going deeper with convolutions, 2015), table 1 and figure 3.

Poolings round their output size up, which is how 112, 56, 28, 14, 7 come about. The paper does not give the constants
of the two local response normalisations in its figure 3; they are AlexNet's here.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from pixelwise.zoo.initialisation import initialise_he

# Table 1, the columns of the nine modules: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Inception(nn.Module):
    """Four branches side by side, their maps concatenated: (N, in_channels, H, W) to (N, channels, H, W).

    `columns` is a row of `MODULES`; `large` is the side of the kernel that table 1 says is 5×5.
    """

    def __init__(self, in_channels: int, columns: tuple[int, ...], large: int = 5, batch_norm: bool = False) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, projected = columns
        self.channels = one + three + five + projected
        self.branch1 = convolution(in_channels, one, 1, batch_norm=batch_norm)
        self.branch3 = nn.Sequential(
            OrderedDict(
                reduce=convolution(in_channels, reduce3, 1, batch_norm=batch_norm),
                conv=convolution(reduce3, three, 3, batch_norm=batch_norm),
            )
        )
        self.branch5 = nn.Sequential(
            OrderedDict(
                reduce=convolution(in_channels, reduce5, 1, batch_norm=batch_norm),
                conv=convolution(reduce5, five, large, batch_norm=batch_norm),
            )
        )
        self.pool = nn.Sequential(
            OrderedDict(
                pool=nn.MaxPool2d(3, stride=1, padding=1),
                project=convolution(in_channels, projected, 1, batch_norm=batch_norm),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), self.pool(x)], dim=1)


class GoogLeNet(nn.Module):
    """The network of table 1: (N, 3, 224, 224) to (N, classes) logits.

    With `auxiliary`, two more classifiers (section 5) see the outputs of modules 4a and 4d during training; `forward`
    then returns the three logits (main, after 4a, after 4d) while training and the main ones in evaluation.
    `five_as_three` gives torchvision's network: 3×3 kernels where the paper has 5×5, 2×2 instead of 3×3 in the last
    max-pooling and, unless `batch_norm` says otherwise, batch normalisation in place of biases, which came later. With
    batch normalisation the stem's two local response normalisations are left out.
    """

    def __init__(
        self, classes: int = 1000, auxiliary: bool = False, five_as_three: bool = False, batch_norm: bool | None = None
    ) -> None:
        super().__init__()
        batch_norm = five_as_three if batch_norm is None else batch_norm

        def local(name: str) -> dict[str, nn.Module]:
            return {} if batch_norm else {name: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)}

        self.stem = nn.Sequential(
            OrderedDict(
                conv1=convolution(3, 64, 7, stride=2, batch_norm=batch_norm),
                pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
                **local("norm1"),
                reduce2=convolution(64, 64, 1, batch_norm=batch_norm),
                conv2=convolution(64, 192, 3, batch_norm=batch_norm),
                **local("norm2"),
                pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            )
        )
        channels = 192
        for name, columns in MODULES.items():
            module = Inception(channels, columns, 3 if five_as_three else 5, batch_norm)
            self.add_module(f"inception{name}", module)
            channels = module.channels
        self.pool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.pool4 = nn.MaxPool2d(2 if five_as_three else 3, stride=2, ceil_mode=True)
        self.head = nn.Sequential(
            OrderedDict(
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                drop=nn.Dropout(0.4),
                fc=nn.Linear(channels, classes),
            )
        )
        self.auxiliary4a = _auxiliary(512, classes, batch_norm) if auxiliary else None
        self.auxiliary4d = _auxiliary(528, classes, batch_norm) if auxiliary else None
        initialise_he(self)  # the paper does not say how it began

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        x = self.inception3b(self.inception3a(x))
        after_4a = self.inception4a(self.pool3(x))
        after_4d = self.inception4d(self.inception4c(self.inception4b(after_4a)))
        x = self.inception4e(after_4d)
        x = self.inception5b(self.inception5a(self.pool4(x)))
        logits = self.head(x)
        if self.training and self.auxiliary4a is not None:
            return logits, self.auxiliary4a(after_4a), self.auxiliary4d(after_4d)
        return logits


def convolution(in_channels: int, channels: int, kernel: int, stride: int = 1, batch_norm: bool = False) -> nn.Module:
    """Return a convolution that keeps the size (but for its stride), and its ReLU."""
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=not batch_norm)
    norm = [("norm", nn.BatchNorm2d(channels, eps=0.001))] if batch_norm else []
    return nn.Sequential(OrderedDict([("conv", conv), *norm, ("relu", nn.ReLU())]))


def _auxiliary(in_channels: int, classes: int, batch_norm: bool) -> nn.Sequential:
    """Section 5: a 5×5 average pooling with stride 3 (14×14 to 4×4), 128 maps, 1024 units, the classes."""
    return nn.Sequential(
        OrderedDict(
            pool=nn.AvgPool2d(5, stride=3),
            conv=convolution(in_channels, 128, 1, batch_norm=batch_norm),
            flatten=nn.Flatten(),
            fc1=nn.Linear(128 * 4 * 4, 1024),
            relu=nn.ReLU(),
            drop=nn.Dropout(0.7),
            fc2=nn.Linear(1024, classes),
        )
    )
