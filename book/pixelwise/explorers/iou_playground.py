"""The IoU playground: paint a prediction beside the truth, and watch every score under every convention."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from pixelwise import metrics
from pixelwise.data import VOID
from pixelwise.explorers.host import Explorer, module

Grid = list[list[int]]
Labels = Sequence[Sequence[int]] | Sequence[Sequence[Sequence[int]]] | np.ndarray | Tensor

CLASSES = ("background", "car", "pole")

# A character a pixel: its class, or a dot for class 0, the background.
SCENES = {
    "a large object": """
        ................
        .............2..
        .............2..
        .............2..
        ....11111....2..
        ...1111111...2..
        ..111111111..2..
        .11111111111.2..
        .11111111111.2..
        .11111111111.2..
        .11111111111.2..
        ..11.....11..2..
        ..11.....11..2..
        .............2..
        ................
        ................""",
    "thin poles": """
        ................
        ...22222........
        ...2............
        ...2........2...
        ...2........2...
        ...2........2...
        ...2........2...
        ...2........2...
        ...2........2...
        ...2...111..2...
        ...2..11111.2...
        ...2..11111.2...
        ...2..1...1.2...
        ...2........2...
        ...2........2...
        ................""",
    "two objects of one class": """
        ................
        ..........22....
        ..........22....
        .111......22....
        .111......22....
        ..........22....
        ..........22....
        ..1111111.22....
        .11111111122....
        .11111111122....
        .11111111122....
        .11111111122....
        .11.....1122....
        ..........22....
        ................
        ................""",
    "no car in the image": """
        ................
        ................
        .....222222.....
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        .......22.......
        ................
        ................""",
}

MOST_CLASSES = 7
MOST_PIXELS = 32
MOST_WIDTH = 4


class IouPlayground(Explorer):
    """Scores a prediction that the reader paints, pixel by pixel, beside the truth.

    `truth` and `prediction` hold labels of shape (H, W), or (2, H, W) for two images; a pixel of the truth may be
    `VOID`. Where they are not given, the truth is the scene named `scene` of `SCENES`, and the prediction is the truth
    moved by one pixel to the right. `classes` names the labels; label 0 is the background, which painting begins from
    and which moves in at the edges. With `void_band` the pixels of background that touch an object count as void.
    `shown` is the class whose hits and errors the map shows, only those near its contour with `bands`; `width` is what
    boundary IoU takes for near, in pixels; `void` is the convention of the tables, "masked" or "error". All stay in
    step with the view in JupyterLab, and `metrics` computes what the view shows.

    Raises `ValueError` for a scene that there is not, for labels without a class, and for shapes that the view cannot
    show.
    """

    _esm = module("iou_playground", "label_maps")["_esm"]
    _css = module("iou_playground", "label_maps")["_css"]

    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    scenes = traitlets.List(traitlets.Dict()).tag(sync=True)
    truth = traitlets.List(traitlets.List(traitlets.List(traitlets.Int()))).tag(sync=True)
    prediction = traitlets.List(traitlets.List(traitlets.List(traitlets.Int()))).tag(sync=True)
    image = traitlets.Int().tag(sync=True)
    void_band = traitlets.Bool().tag(sync=True)
    void = traitlets.Enum(["masked", "error"]).tag(sync=True)
    shown = traitlets.Int().tag(sync=True)
    bands = traitlets.Bool().tag(sync=True)
    width = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        scene: str = "a large object",
        truth: Labels | None = None,
        prediction: Labels | None = None,
        classes: Sequence[str] = CLASSES,
        void_band: bool = False,
        void: str = "masked",
        shown: int = 1,
        bands: bool = False,
        width: int = 1,
    ) -> None:
        if scene not in SCENES:
            raise ValueError(f"The playground has {', '.join(SCENES)}, and no scene {scene!r}.")
        if not 2 <= len(classes) <= MOST_CLASSES:
            raise ValueError(f"The playground shows 2 to {MOST_CLASSES} classes, not {len(classes)}.")
        if not 0 <= shown < len(classes):
            raise ValueError(f"shown must be a label from 0 to {len(classes) - 1}, not {shown}.")
        if not 1 <= width <= MOST_WIDTH:
            raise ValueError(f"The playground shows boundaries 1 to {MOST_WIDTH} pixels wide, not {width}.")
        scenes = {name: drawn(text) for name, text in SCENES.items()} if len(classes) == len(CLASSES) else {}
        if truth is None and not scenes:
            raise ValueError(f"The ready scenes have {len(CLASSES)} classes; give a truth for {len(classes)}.")
        true = _images("truth", [scenes[scene]] if truth is None else truth, len(classes), void=True)
        guess = moved_right(true) if prediction is None else _images("prediction", prediction, len(classes), void=False)
        if guess.shape != true.shape:
            raise ValueError(
                f"prediction has the shape {tuple(guess.shape)} and truth {tuple(true.shape)}: give both the same."
            )
        if truth is not None:
            own = {f"your image {number}": grid for number, grid in enumerate(true.tolist(), start=1)}
            scenes = own | {name: grid for name, grid in scenes.items() if np.shape(grid) == true.shape[1:]}
        super().__init__(
            classes=list(classes),
            scenes=[{"name": name, "truth": grid} for name, grid in scenes.items()],
            truth=true.tolist(),
            prediction=guess.tolist(),
            image=0,
            void_band=void_band,
            void=void,
            shown=shown,
            bands=bands,
            width=width,
        )

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return every score of this moment, as `pixelwise.metrics` computes it, for both conventions about void.

        Under "masked" void pixels count nowhere. Under "error" they count as pixels of one more class, which nothing
        predicts: each is a false alarm of the class predicted there. Each convention's dict holds `confusion`, the sum
        over the images; `pixel_accuracy`; `class_accuracy`, `iou`, `dice` and `boundary_iou` by class, NaN for absent;
        `mean_class_accuracy`, `mean_dice` and `mean_boundary_iou` over the classes that are not NaN;
        `frequency_weighted_iou`; and `mean_iou`, once over the data set and, as `mean_iou_per_image`, as the mean of
        the images' own. Both are dicts by convention about absent classes, those of `pixelwise.metrics.mean_iou`.
        """
        prediction, truth = torch.tensor(self.prediction, device="cpu"), torch.tensor(self.truth, device="cpu")
        truth = voided(truth) if self.void_band else truth
        return {void: scores(prediction, truth, len(self.classes), self.width, void) for void in ("masked", "error")}

    def described(self) -> str:
        return (
            f"[IoU playground: a prediction to paint beside the truth, {len(self.truth[0])}×{len(self.truth[0][0])} "
            f"pixels of {', '.join(self.classes)}, and its scores under every convention.]"
        )


def drawn(text: str) -> Grid:
    """Return the labels of a scene that is written as text, a character a pixel."""
    return [[0 if mark == "." else int(mark) for mark in line] for line in text.split()]


def voided(truth: Tensor) -> Tensor:
    """Return truths (N, H, W) with `VOID` where background touches an object, side to side or at a corner.

    PASCAL VOC 2012 leaves such a band around its objects unscored.
    """
    objects = ((truth > 0) & (truth != VOID)).float()
    touched = F.max_pool2d(objects, 3, stride=1, padding=1) > 0
    return truth.masked_fill(touched & (truth == 0), VOID)


def moved_right(truth: Tensor) -> Tensor:
    """Return truths (N, H, W) as predictions that lie one pixel to the right; void becomes background, label 0."""
    return F.pad(truth.masked_fill(truth == VOID, 0), (1, 0))[..., :-1]


def scores(prediction: Tensor, truth: Tensor, classes: int, width: int, void: str) -> dict[str, Any]:
    """Return the scores of images (N, H, W) under one convention about void; see `IouPlayground.metrics`."""
    labels = classes
    if void == "error":
        labels, truth = classes + 1, truth.masked_fill(truth == VOID, classes)
    matrices = metrics.image_confusions(prediction, truth, labels)
    matrix = matrices.sum(0)
    accuracy = metrics.class_accuracy(matrix)[:classes]
    iou = metrics.iou(matrix)[:classes]
    dice = 2 * iou / (1 + iou)
    boundary = metrics.boundary_iou(metrics.boundary_confusion(prediction, truth, labels, width))[:classes]
    return {
        "confusion": matrix.tolist(),
        "pixel_accuracy": metrics.pixel_accuracy(matrix).item(),
        "class_accuracy": accuracy.tolist(),
        "mean_class_accuracy": accuracy.nanmean().item(),
        "iou": iou.tolist(),
        "dice": dice.tolist(),
        "mean_dice": dice.nanmean().item(),
        "boundary_iou": boundary.tolist(),
        "mean_boundary_iou": boundary.nanmean().item(),
        "frequency_weighted_iou": metrics.frequency_weighted_iou(matrix).item(),
        "mean_iou": {absent: mean.item() for absent, mean in _mean_iou(matrix, classes).items()},
        "mean_iou_per_image": {absent: mean.nanmean().item() for absent, mean in _mean_iou(matrices, classes).items()},
    }


def _mean_iou(confusion: Tensor, classes: int) -> dict[str, Tensor]:
    # `metrics.mean_iou` would take void, where it is a label of its own, for one class more.
    iou = metrics.iou(confusion)[..., :classes]
    true = confusion.sum(-1)[..., :classes] > 0
    return {
        "skip": iou.nanmean(-1),
        "zero": iou.nan_to_num(0).mean(-1),
        "one": iou.nan_to_num(1).mean(-1),
        "skip-not-in-truth": iou.where(true, torch.nan).nanmean(-1),
    }


def _images(name: str, given: Labels, classes: int, void: bool) -> Tensor:
    labels = torch.as_tensor(given, device="cpu").long()
    if labels.ndim == 2:
        labels = labels[None]
    if labels.ndim != 3 or not 1 <= len(labels) <= 2 or not all(2 <= n <= MOST_PIXELS for n in labels.shape[1:]):
        raise ValueError(
            f"{name} must be one or two label maps of 2 to {MOST_PIXELS} pixels a side, not of shape "
            f"{tuple(labels.shape)}."
        )
    wrong = (labels < 0) | (labels >= classes)
    if void:
        wrong &= labels != VOID
    if wrong.any():
        raise ValueError(f"{name} holds the label {labels[wrong][0].item()}; its classes are 0 to {classes - 1}.")
    return labels
