"""SegNet (Badrinarayanan, Kendall and Cipolla, SegNet: a deep convolutional encoder–decoder architecture, 2017).

Figure 2: the thirteen convolutions of VGG-16 and their mirror image. Each decoder stage begins with max unpooling,
which puts the numbers where the encoder's pooling found its maxima, and fills in between by 3×3 convolutions. As in the
authors' network, convolutions have biases and batch normalisation, but for the last one, which makes the scores.
Initialised after He et al., 2015, as the paper says.
"""

from torch import Tensor, nn

from pixelwise.zoo import vgg
from pixelwise.zoo.deconvnet import decoder, encoder, initialise


class SegNet(nn.Module):
    """SegNet on the stages of `vgg.stages(configuration)`: (N, 3, H, W) to logits (N, classes, H, W) for all H, W.

    Pooling rounds odd sizes up; unpooling returns to the size that was pooled.
    """

    def __init__(self, configuration: vgg.Configuration = "D", classes: int = 21) -> None:
        super().__init__()
        stages = vgg.stages(configuration)
        self.encoder = encoder(stages)
        self.pool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.decoder = decoder(stages, nn.Conv2d, last=classes)
        self.decoder["stage1"] = self.decoder["stage1"][:-2]  # scores are neither normalised nor rectified
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        pooled = []
        for stage in self.encoder.values():
            x = stage(x)
            size = x.shape[2:]
            x, indices = self.pool(x)
            pooled.append((indices, size))
        for stage in self.decoder.values():
            indices, size = pooled.pop()
            x = stage(self.unpool(x, indices, output_size=size))
        return x
