"""The zoo: well-known networks, one readable file a family, each built from its paper's own table.

    network = zoo.build("resnet50", classes=10)
    zoo.MODELS["resnet50"].trace().macs

No weights come with them; each is initialised as its paper says, or as its file explains. `copy_weights` copies those
of torchvision's networks into them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import torch
from torch import nn

from pixelwise.tracing import Trace, trace
from pixelwise.zoo import (
    alexnet,
    deconvnet,
    deeplab,
    densenet,
    fcn,
    googlenet,
    grid_detector,
    lenet,
    mlp_mixer,
    mobilenet,
    pspnet,
    resnet,
    resnext,
    saliency,
    segnet,
    senet,
    shufflenet,
    swin,
    unet,
    upernet,
    vgg,
    vit,
    wide_resnet,
    zfnet,
)
from pixelwise.zoo.copying import copy_weights

__all__ = ["MODELS", "Model", "build", "copy_weights"]


Task = Literal["classification", "segmentation", "detection", "saliency"]


@dataclass(frozen=True)
class Model:
    """A network of the zoo: `build(classes=1000, **options)` makes it, for inputs of `input_shape` (C, H, W).

    `year` is that of the publication cited, `reference` its key in the course's bibliography. `task` is
    "classification", (N, C, H, W) to logits (N, classes), "segmentation", to logits (N, classes, H, W), "detection", to
    one prediction a cell of a grid, (N, 5 + classes, h, w), or "saliency", to maps of real numbers, (N, H, W) or
    smaller, by a network that knows no classes.
    """

    name: str
    family: str
    year: int
    build: Callable[..., nn.Module]
    input_shape: tuple[int, int, int] = (3, 224, 224)
    reference: str = ""
    task: Task = "classification"

    def trace(self, **options: Any) -> Trace:
        """Return the trace of the network on its own input, built without values and hence fast.

        `options` go to `build`. Raises what `pixelwise.tracing.trace` raises.
        """
        return _trace(self, tuple(sorted(options.items())))


@cache
def _trace(model: Model, options: tuple[tuple[str, Any], ...]) -> Trace:
    with torch.device("meta"):
        network = model.build(**dict(options))
    return trace(network, model.input_shape)


_VGG = {"vgg11": "A", "vgg11_lrn": "A-LRN", "vgg13": "B", "vgg16_c": "C", "vgg16": "D", "vgg19": "E"}
_SEGMENTATION: Task = "segmentation"

MODELS = {
    model.name: model
    for model in (
        Model("lenet5", "lenet", 1998, lenet.lenet5, (1, 32, 32), "lecun1998gradient"),
        Model("alexnet", "alexnet", 2014, alexnet.one_tower, reference="krizhevsky2014one"),
        Model("alexnet_paper", "alexnet", 2012, alexnet.two_towers, (3, 227, 227), "krizhevsky2012imagenet"),
        Model("zfnet", "zfnet", 2014, zfnet.zfnet, reference="zeiler2014visualizing"),
        *(
            Model(name, "vgg", 2015, partial(vgg.vgg, configuration), reference="simonyan2015very")
            for name, configuration in _VGG.items()
        ),
        Model("googlenet", "googlenet", 2015, googlenet.GoogLeNet, reference="szegedy2015going"),
        *(
            Model(f"resnet{depth}", "resnet", 2016, partial(resnet.resnet, depth), reference="he2016deep")
            for depth in resnet.DEPTHS
        ),
        Model("se_resnet50", "senet", 2018, senet.se_resnet, reference="hu2018squeeze"),
        Model("wide_resnet50_2", "wide_resnet", 2016, wide_resnet.wide_resnet, reference="zagoruyko2016wide"),
        Model("resnext50_32x4d", "resnext", 2017, resnext.resnext, reference="xie2017aggregated"),
        *(
            Model(f"densenet{depth}", "densenet", 2017, partial(densenet.densenet, depth), reference="huang2017densely")
            for depth in densenet.DEPTHS
        ),
        Model("mobilenet_v1", "mobilenet", 2017, mobilenet.mobilenet_v1, reference="howard2017mobilenets"),
        Model("mobilenet_v2", "mobilenet", 2018, mobilenet.mobilenet_v2, reference="sandler2018mobilenetv2"),
        Model("shufflenet_v1", "shufflenet", 2018, shufflenet.shufflenet_v1, reference="zhang2018shufflenet"),
        Model("shufflenet_v2", "shufflenet", 2018, shufflenet.shufflenet_v2, reference="ma2018shufflenet"),
        Model("vit_b_16", "vit", 2021, vit.vit, reference="dosovitskiy2021image"),
        Model("swin_t", "swin", 2021, swin.swin, reference="liu2021swin"),
        Model("mixer_b_16", "mlp_mixer", 2021, mlp_mixer.mixer, reference="tolstikhin2021mlpmixer"),
        *(
            Model(f"fcn{stride}s", "fcn", 2015, partial(fcn.FCN, stride), (3, 500, 500), "long2015fully", _SEGMENTATION)
            for stride in fcn.SKIPS
        ),
        Model("deconvnet", "deconvnet", 2015, deconvnet.DeconvNet, (3, 224, 224), "noh2015learning", _SEGMENTATION),
        Model("segnet", "segnet", 2017, segnet.SegNet, (3, 360, 480), "badrinarayanan2017segnet", _SEGMENTATION),
        Model("unet", "unet", 2015, unet.UNet, (3, 572, 572), "ronneberger2015unet", _SEGMENTATION),
        Model("deeplab_v1", "deeplab", 2015, deeplab.v1, (3, 321, 321), "chen2015semantic", _SEGMENTATION),
        Model("deeplab_v2_vgg16", "deeplab", 2018, deeplab.v2_vgg, (3, 321, 321), "chen2018deeplab", _SEGMENTATION),
        Model(
            "deeplab_v2_resnet101", "deeplab", 2018, deeplab.v2_resnet, (3, 321, 321), "chen2018deeplab", _SEGMENTATION
        ),
        *(
            Model(
                f"deeplab_v3_resnet{depth}",
                "deeplab",
                2017,
                partial(deeplab.v3, depth=depth),
                (3, 513, 513),
                "chen2017rethinking",
                _SEGMENTATION,
            )
            for depth in (50, 101)
        ),
        Model(
            "deeplab_v3plus_resnet101",
            "deeplab",
            2018,
            deeplab.DeepLabV3Plus,
            (3, 513, 513),
            "chen2018encoder",
            _SEGMENTATION,
        ),
        *(
            Model(
                f"pspnet_resnet{depth}",
                "pspnet",
                2017,
                partial(pspnet.PSPNet, depth=depth),
                (3, 473, 473),
                "zhao2017pyramid",
                _SEGMENTATION,
            )
            for depth in (50, 101)
        ),
        Model("upernet_resnet50", "upernet", 2018, upernet.UperNet, (3, 512, 512), "xiao2018unified", _SEGMENTATION),
        Model(
            "grid_detector",
            "grid_detector",
            2016,
            grid_detector.GridDetector,
            (3, 96, 96),
            "redmon2016you",
            "detection",
        ),
        Model("saliency_shallow", "saliency", 2016, saliency.Shallow, (3, 96, 96), "pan2016shallow", "saliency"),
        Model("saliency_deep", "saliency", 2016, saliency.Deep, (3, 240, 320), "pan2016shallow", "saliency"),
    )
}


def build(name: str, classes: int | None = None, **options: Any) -> nn.Module:
    """Return the network called `name`, untrained, with `classes` outputs (a segmentation network's for each pixel).

    Unless given these are ImageNet's 1000, LeNet-5's ten, the 21 of VOC 2012 with its background, U-Net's two, the
    150 of ADE20K for PSPNet and UperNet, or the five things of the scenes for the grid detector. Saliency networks have
    no classes, and `classes` must be left out.

    `options` are its family's own, as in the function that its file is named after.

    Raises `ValueError` for a name that the zoo does not have.
    """
    if name not in MODELS:
        raise ValueError(f"The zoo has no {name!r}; it has {', '.join(MODELS)}.")
    return MODELS[name].build(**({} if classes is None else {"classes": classes}), **options)
