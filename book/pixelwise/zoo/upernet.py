"""UperNet (Xiao, Liu, Zhou, Jiang and Sun, Unified perceptual parsing for scene understanding, 2018), on ResNet.

Figure 4: a feature pyramid (Lin et al., Feature pyramid networks for object detection, 2017) on maps at strides of 4,
8, 16 and 32 pixels, nothing dilated. PSPNet's pyramid pooling reads the deepest, and on the way to the finest each map
is added to the upsampled one before. All four are then brought to a stride of 4 pixels, concatenated and fused. Of the
paper's heads, which also predict scenes, parts, materials and textures, this is the one for objects. Every convolution
besides the encoder's and the score's has batch normalisation, ReLU and 512 channels.

The paper starts from a trained classifier. Without trained weights at hand all is initialised after He et al., 2015.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, cat, nn

from pixelwise.zoo import resnet
from pixelwise.zoo.deeplab import upsampled
from pixelwise.zoo.initialisation import initialise_he
from pixelwise.zoo.pspnet import BINS, PyramidPooling
from pixelwise.zoo.resnet import rectified

STRIDES = {"conv2": 4, "conv3": 8, "conv4": 16, "conv5": 32}


class UperNet(nn.Module):
    """UperNet on ResNet-`depth`: (N, 3, H, W) to logits (N, classes, H, W) for every H and W.

    `width` is that of `resnet.body`, `channels` that of all maps after the encoder, and `bins` are those of
    `pspnet.PyramidPooling`, whose means need more than one image for batch normalisation in training.

    Raises `ValueError` as `pspnet.PSPNet` does.
    """

    def __init__(
        self,
        depth: int = 50,
        classes: int = 150,
        width: int = 64,
        channels: int = 512,
        bins: Sequence[int] = BINS,
    ) -> None:
        super().__init__()
        self.encoder = resnet.backbone(depth, width=width)
        made = {name: self.encoder.get_submodule(name)[-1].channels for name in STRIDES}
        deepest = made.pop("conv5")
        self.pyramid = nn.Sequential(
            OrderedDict(
                pool=PyramidPooling(deepest, channels, bins),
                fuse=rectified(deepest + len(bins) * channels, channels, 3),
            )
        )
        self.lateral = nn.ModuleDict({name: rectified(before, channels, 1) for name, before in made.items()})
        self.smooth = nn.ModuleDict({name: rectified(channels, channels, 3) for name in made})
        self.fuse = rectified(len(STRIDES) * channels, channels, 3)
        self.score = nn.Conv2d(channels, classes, 1)
        initialise_he(self)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        maps = {}
        for name, layer in self.encoder.named_children():
            x = layer(x)
            if name in STRIDES:
                maps[name] = x
        x = self.pyramid(maps.pop("conv5"))
        levels = {"conv5": x}
        for name in reversed(maps):
            x = self.lateral[name](maps[name]) + upsampled(x, 2, *maps[name].shape[2:])
            levels[name] = self.smooth[name](x)
        fine = maps["conv2"].shape[2:]
        alike = [upsampled(levels[name], stride // 4, *fine) for name, stride in STRIDES.items()]
        return upsampled(self.score(self.fuse(cat(alike, dim=1))), 4, *size)
