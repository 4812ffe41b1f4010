"""Two networks that predict where people look (Pan, Sayrol, Giró-i-Nieto, McGuinness and O'Connor, Shallow and deep
convolutional networks for saliency prediction, 2016).

Both map an image to one map of real numbers and are trained as a regression, with the Euclidean loss.

- The shallow network reads 96×96 pixels, has three convolutions and two fully connected layers with a maxout between
  them, and gives 48×48 values. It is trained from scratch.
- The deep network has nine convolutions and one transposed convolution, and gives a map as large as its image, 320×240
  pixels in the paper. Its first three layers begin with the weights of a network that was trained to classify.

Kernels, widths, strides and paddings are those of the program and the network definition that the authors published
with the paper. Ours are the initialisation (He et al., 2015; the transposed convolution begins as bilinear
interpolation), since no weights come with the zoo, and the options that make a network small: the widths, the kernels,
the sizes, and batch normalisation, which lets the deep network learn from scratch.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from pixelwise.zoo.fcn import bilinear_kernel
from pixelwise.zoo.initialisation import initialise_he

# For scenes of 48×48 pixels, trained from scratch within seconds.
SMALL_SHALLOW = {"side": 48, "widths": (12, 24, 24), "map_side": 12}
SMALL_DEEP = {"widths": (12, 24, 32, 32, 32, 16, 16, 8), "kernels": (5, 3, 3, 3, 3, 5, 5, 5, 5), "batch_norm": True}


class Shallow(nn.Module):
    """The shallow network: (N, 3, side, side) to saliency maps (N, map_side, map_side) of any real numbers.

    Each of three convolutions, 5×5, 3×3 and 3×3 without padding and with `widths` channels, is followed by a ReLU and a
    2×2 max pooling. `fc4` gives two values for each pixel of the map; the larger of the two goes on (maxout), and `fc5`
    combines all of them.

    Raises `ValueError` for a `side` that leaves nothing after the third pooling, and on images of another size.
    """

    def __init__(self, side: int = 96, widths: Sequence[int] = (32, 64, 64), map_side: int = 48) -> None:
        super().__init__()
        self.side, self.map_side = side, map_side
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        left = side
        for number, (kernel, before, made) in enumerate(zip((5, 3, 3), (3, *widths), widths, strict=False), start=1):
            layers[f"conv{number}"] = nn.Conv2d(before, made, kernel)
            layers[f"relu{number}"] = nn.ReLU()
            layers[f"pool{number}"] = nn.MaxPool2d(2)
            left = (left - kernel + 1) // 2
        if left < 1:
            raise ValueError(f"Images of {side}×{side} pixels are too small for three convolutions and poolings.")
        self.features = nn.Sequential(layers)
        self.flatten = nn.Flatten()
        self.fc4 = nn.Linear(widths[-1] * left * left, 2 * map_side * map_side)
        self.relu4 = nn.ReLU()
        self.fc5 = nn.Linear(map_side * map_side, map_side * map_side)
        initialise_he(self)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (self.side, self.side):
            raise ValueError(
                f"This network reads images of {self.side}×{self.side} pixels, not of {x.shape[2]}×{x.shape[3]}: "
                "resize them, or build it with another side."
            )
        pairs = self.relu4(self.fc4(self.flatten(self.features(x)))).unflatten(1, (-1, 2))
        return self.fc5(pairs.amax(dim=2)).unflatten(1, (self.map_side, self.map_side))


class Deep(nn.Module):
    """The deep network: (N, 3, H, W) to saliency maps (N, H, W) of any real numbers; H and W are multiples of 4.

    Nine convolutions, which keep the size, have the `kernels` and eight `widths`, and one channel at the end; two 3×3
    max poolings of stride 2 follow the first and the second. A transposed convolution, 8×8 with stride 4, restores the
    size. Local response normalisation follows the first ReLU. With `batch_norm` batch normalisation follows each
    convolution but the last instead.

    Raises `ValueError` for other numbers of widths or kernels, for an even kernel, and on images whose sides are not
    multiples of 4.
    """

    def __init__(
        self,
        widths: Sequence[int] = (96, 256, 512, 512, 512, 256, 128, 32),
        kernels: Sequence[int] = (7, 5, 3, 5, 5, 7, 11, 11, 13),
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) != 8 or len(kernels) != 9 or any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(
                f"The network has 8 widths and 9 odd kernels, not {len(widths)} widths and kernels {tuple(kernels)}."
            )
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = (3, *widths, 1)
        for number, kernel in enumerate(kernels, start=1):
            before, made = channels[number - 1 : number + 1]
            last = number == len(kernels)
            layers[f"conv{number}"] = nn.Conv2d(before, made, kernel, padding=kernel // 2, bias=last or not batch_norm)
            if last:
                break
            if batch_norm:
                layers[f"norm{number}"] = nn.BatchNorm2d(made)
            layers[f"relu{number}"] = nn.ReLU()
            if number == 1 and not batch_norm:
                layers["lrn1"] = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)
            if number <= 2:
                layers[f"pool{number}"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.features = nn.Sequential(layers)
        self.upsample = nn.ConvTranspose2d(1, 1, 8, stride=4, padding=2, bias=False)
        initialise_he(self)
        self.upsample.weight.data[0, 0] = bilinear_kernel(4)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] % 4 or x.shape[3] % 4:
            raise ValueError(
                f"An image of {x.shape[2]}×{x.shape[3]} pixels does not come back at its own size: both sides have to "
                "be multiples of 4."
            )
        return self.upsample(self.features(x)).squeeze(1)
