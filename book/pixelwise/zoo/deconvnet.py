"""DeconvNet (Noh, Hong and Han, Learning deconvolution network for semantic segmentation, 2015), table 2 and figure 2.

VGG-16 with fc6 and fc7 as convolutions, and its mirror image: a deconvolution (transposed convolution) of 7×7 opens the
1×1 map of fc7 again, and each stage begins with max unpooling, which puts the numbers where the encoder's pooling found
its maxima, before deconvolutions of 3×3. As in the authors' network, every layer has biases and batch normalisation,
and a 1×1 convolution makes the scores.

The paper starts the encoder from a trained VGG-16 and the rest from zero-mean Gaussians, and classifies boxes around
objects, resized to 224×224, whose answers it then combines. Without trained weights at hand, all is initialised after
He et al., 2015.
"""

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn

from pixelwise.zoo import vgg


class DeconvNet(nn.Module):
    """DeconvNet on the stages of `vgg.stages(configuration)`: (N, 3, H, W) to logits (N, classes, H, W).

    fc6 has windows of `kernel`×`kernel` and no padding, so H and W must be larger than 32·(kernel − 1); `head` is the
    number of channels of fc6 and fc7. Pooling rounds odd sizes up; unpooling returns to the size that was pooled.

    Raises `ValueError` for images too small for fc6.
    """

    def __init__(
        self, configuration: vgg.Configuration = "D", classes: int = 21, head: int = 4096, kernel: int = 7
    ) -> None:
        super().__init__()
        stages = vgg.stages(configuration)
        deepest = stages[-1][-1]
        self.kernel = kernel
        self.encoder = encoder(stages)
        self.pool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.head = nn.Sequential(
            OrderedDict(
                fc6=nn.Conv2d(deepest, head, kernel),
                norm6=nn.BatchNorm2d(head),
                relu6=nn.ReLU(),
                fc7=nn.Conv2d(head, head, 1),
                norm7=nn.BatchNorm2d(head),
                relu7=nn.ReLU(),
                deconv_fc6=nn.ConvTranspose2d(head, deepest, kernel),
                deconv_norm6=nn.BatchNorm2d(deepest),
                deconv_relu6=nn.ReLU(),
            )
        )
        self.unpool = nn.MaxUnpool2d(2)
        self.decoder = decoder(stages, nn.ConvTranspose2d, last=stages[0][0])
        self.score = nn.Conv2d(stages[0][0], classes, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) <= 32 * (self.kernel - 1):
            raise ValueError(
                f"A DeconvNet whose fc6 has windows of {self.kernel}×{self.kernel} needs images of more than "
                f"{32 * (self.kernel - 1)} pixels a side, not {x.shape[2]}×{x.shape[3]}: give it a smaller `kernel`."
            )
        pooled = []
        for stage in self.encoder.values():
            x = stage(x)
            size = x.shape[2:]
            x, indices = self.pool(x)
            pooled.append((indices, size))
        x = self.head(x)
        for stage in self.decoder.values():
            indices, size = pooled.pop()
            x = stage(self.unpool(x, indices, output_size=size))
        return self.score(x)


def encoder(stages: tuple[tuple[int, ...], ...]) -> nn.ModuleDict:
    """Return VGG's stages with batch normalisation and without their poolings, by name from the shallowest."""
    channels = [3, *(widths[-1] for widths in stages)]
    made = [_stage(nn.Conv2d, before, widths) for before, widths in zip(channels, stages, strict=False)]
    return nn.ModuleDict({f"stage{number}": stage for number, stage in enumerate(made, start=1)})


def decoder(stages: tuple[tuple[int, ...], ...], layer: type[nn.Module], last: int) -> nn.ModuleDict:
    """Return the mirror image of `encoder(stages)`, of 3×3 `layer`s, by name from the deepest stage to the shallowest.

    A stage's last layer makes as many channels as the stage above it ends in; that of the shallowest makes `last`.
    """
    above = [last, *(widths[-1] for widths in stages)]
    made = nn.ModuleDict()
    for number in range(len(stages), 0, -1):
        widths = stages[number - 1]
        made[f"stage{number}"] = _stage(layer, widths[-1], (*widths[-2::-1], above[number - 1]))
    return made


def initialise(network: nn.Module) -> None:
    """Initialise convolutions and transposed convolutions after He et al., 2015, and their biases with zero."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            # PyTorch keeps a transposed convolution's inputs in the place of an ordinary one's outputs.
            mode = "fan_out" if isinstance(layer, nn.ConvTranspose2d) else "fan_in"
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


def _stage(layer: type[nn.Module], channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (before, made) in enumerate(pairwise((channels, *widths)), start=1):
        layers[f"conv{number}"] = layer(before, made, 3, padding=1)
        layers[f"norm{number}"] = nn.BatchNorm2d(made)
        layers[f"relu{number}"] = nn.ReLU()
    return nn.Sequential(layers)
