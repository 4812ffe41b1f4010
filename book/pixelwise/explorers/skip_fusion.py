"""The skip-fusion viewer: how FCN-32s, 16s and 8s make a label map of the same scores, step by step."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from pixelwise import metrics
from pixelwise.data import VOID
from pixelwise.data.scenes import CLASSES, COLOURS
from pixelwise.explorers.host import Explorer, module
from pixelwise.zoo.fcn import bilinear_kernel

STRIDES = (32, 16, 8)
MOST_IMAGES = 4

# How far behind the start of all that the kernel reaches a map upsampled by 2 begins, its border repeated once.
ALIGNED = 3


class SkipFusion(Explorer):
    """Shows how scores at strides 32, 16 and 8 become a label map: upsampled, cropped, added, and upsampled again.

    `images` are (N, 3, H, W) in 0 … 1 and `labels` (N, H, W), at most four of them, with sides that 32 divides.
    `scores32`, `scores16` and `scores8` are what a trained FCN-8s makes of them: the class scores of its last layer and
    of its two skip connections, (N, K, H/s, W/s), for K `class_names` with one hex colour each. They are rounded to
    three digits. All upsampling is fixed and bilinear, with the border repeated once, as a network of `zoo.fcn.FCN`
    with `crops="modern"` and `learned="none"` does it. FCN-16s and FCN-32s are FCN-8s without the finer scores; they
    are not trained by themselves.

    `scene` is the number of the image shown, and `shown` the class whose scores are drawn, or −1 for the label maps.
    `crops` says where each of the two crops begins, as (row, column) in cells of the map upsampled by 2; where it is
    not `ALIGNED`, the maps that are added show different places. `band` dims what is further than `width` pixels from
    a contour of the truth, and `wrong` marks the pixels whose label is wrong. All stay in step with the view in
    JupyterLab, and `fused` and `metrics` compute what it shows.

    Raises `ValueError` for shapes that do not fit together and for labels without a class.
    """

    _esm = module("skip_fusion", "label_maps")["_esm"]
    _css = module("skip_fusion", "label_maps")["_css"]

    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    size = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)
    images = traitlets.List(traitlets.Unicode()).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    scores32 = traitlets.List().tag(sync=True)
    scores16 = traitlets.List().tag(sync=True)
    scores8 = traitlets.List().tag(sync=True)
    scene = traitlets.Int().tag(sync=True)
    shown = traitlets.Int().tag(sync=True)
    crops = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    band = traitlets.Bool().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    wrong = traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        scores32: Tensor,
        scores16: Tensor,
        scores8: Tensor,
        class_names: Sequence[str] = CLASSES,
        colours: Sequence[str] = COLOURS,
        scene: int = 0,
        shown: int = -1,
        band: bool = False,
        width: int = 2,
        wrong: bool = False,
    ) -> None:
        count, _, height, across = images.shape
        if not 1 <= count <= MOST_IMAGES or height % 32 or across % 32:
            raise ValueError(
                f"images must be 1 to {MOST_IMAGES} with sides that 32 divides, not of shape {tuple(images.shape)}."
            )
        if labels.shape != (count, height, across):
            raise ValueError(f"labels must be of shape {(count, height, across)}, not {tuple(labels.shape)}.")
        if len(colours) != len(class_names):
            raise ValueError(f"{len(class_names)} classes need as many colours, not {len(colours)}.")
        for stride, scores in zip(STRIDES, (scores32, scores16, scores8), strict=True):
            expected = (count, len(class_names), height // stride, across // stride)
            if scores.shape != expected:
                raise ValueError(f"scores{stride} must be of shape {expected}, not {tuple(scores.shape)}.")
        metrics.check_labels(labels, len(class_names), labels != VOID)
        super().__init__(
            classes=list(class_names),
            colours=list(colours),
            size=[height, across],
            images=[_png(image) for image in images.detach().cpu()],
            labels=[base64.b64encode(bytes(one.flatten().tolist())).decode() for one in labels],
            scores32=_rounded(scores32),
            scores16=_rounded(scores16),
            scores8=_rounded(scores8),
            scene=scene,
            shown=shown,
            crops=[[ALIGNED, ALIGNED], [ALIGNED, ALIGNED]],
            band=band,
            width=width,
            wrong=wrong,
        )

    def fused(self, stride: int, scene: int | None = None) -> Tensor:
        """Return the scores (K, H, W) that FCN-32s, 16s or 8s, by `stride`, gives for a scene at this moment's crops.

        Raises `ValueError` for a stride that FCN does not have.
        """
        if stride not in STRIDES:
            raise ValueError(f"FCN has strides 32, 16 and 8, and no {stride}.")
        scene = self.scene if scene is None else scene
        fused = self._scores(32, scene)
        for finer, crop in zip((16, 8), self.crops, strict=True):
            if finer >= stride:
                skip = self._scores(finer, scene)
                fused = _crop(upsampled(fused, 2), crop, skip.shape[1:]) + skip
        return _crop(upsampled(fused, stride), (stride + stride // 2,) * 2, self.size)

    def metrics(self, stride: int, scene: int | None = None) -> dict[str, Any]:
        """Return what the label map of `fused` scores: `pixel_accuracy`, the same in the band along the truth's
        contours as `band_accuracy`, `iou` by class with NaN for absent, and `mean_iou` over the classes that are not.
        """
        scene = self.scene if scene is None else scene
        prediction, truth = self.fused(stride, scene).argmax(0), self._truth(scene)
        counts = metrics.confusion(prediction, truth, len(self.classes))
        band = metrics.confusion(prediction, metrics.trimap(truth, self.width), len(self.classes))
        return {
            "pixel_accuracy": metrics.pixel_accuracy(counts).item(),
            "band_accuracy": metrics.pixel_accuracy(band).item(),
            "iou": metrics.iou(counts).tolist(),
            "mean_iou": metrics.mean_iou(counts).item(),
        }

    def described(self) -> str:
        return (
            f"[Skip-fusion viewer: FCN-32s, 16s and 8s made step by step from scores at strides 32, 16 and 8, on "
            f"{len(self.images)} images of {self.size[0]}×{self.size[1]} pixels.]"
        )

    def _scores(self, stride: int, scene: int) -> Tensor:
        return torch.tensor(getattr(self, f"scores{stride}")[scene], dtype=torch.float64, device="cpu")

    def _truth(self, scene: int) -> Tensor:
        return torch.tensor(list(base64.b64decode(self.labels[scene])), device="cpu").reshape(self.size)


def upsampled(scores: Tensor, factor: int) -> Tensor:
    """Return all that a transposed convolution with a fixed bilinear kernel makes of scores (K, h, w), their border
    repeated once: (K, (h + 3)·factor, (w + 3)·factor).

    From factor + factor/2 on, along both axes, lie the h·factor × w·factor values of bilinear interpolation.
    """
    padded = F.pad(scores[None], (1, 1, 1, 1), mode="replicate")
    kernel = bilinear_kernel(factor).to(scores).expand(len(scores), 1, -1, -1)
    return F.conv_transpose2d(padded, kernel, stride=factor, groups=len(scores))[0]


def _crop(scores: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    return scores[:, begin[0] : begin[0] + size[0], begin[1] : begin[1] + size[1]]


def _rounded(scores: Tensor) -> list[Any]:
    def rounded(values: Any) -> Any:
        return [rounded(value) for value in values] if isinstance(values, list) else float(f"{values:.3g}")

    return rounded(scores.detach().cpu().tolist())


def _png(image: Tensor) -> str:
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
