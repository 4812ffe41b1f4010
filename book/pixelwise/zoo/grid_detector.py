"""A small one-stage detector on a grid, of the course's own, after YOLO, SSD and FCOS.

A residual encoder (He et al., Deep residual learning for image recognition, 2016) makes maps of strides 8, 16 and 32;
two 1×1 convolutions and upsampling bring what the deeper maps hold back to stride 8 (Lin et al., Feature pyramid
networks for object detection, 2017). Each cell of 8×8 pixels predicts in one pass what Redmon et al., You only look
once, 2016, ask of a cell: how sure it is of an object, which box, which class. The box is encoded against one square
anchor (Ren et al., Faster R-CNN, 2015, equation 2). The losses are newer: the generalised IoU for boxes (Rezatofighi et
al., 2019), and neighbours of the centre's cell learn the object too (Tian et al., FCOS, 2019).
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelwise.detection import (
    Detections,
    Objects,
    assign_cells,
    clipped,
    decode,
    giou,
    grid_anchors,
    iou,
    nms,
)
from pixelwise.zoo.initialisation import initialise_he
from pixelwise.zoo.resnet import basic, rectified

STRIDE = 8
# The side in pixels of the anchor of each cell; a box is predicted as its difference from it.
ANCHOR = 24
# What `packed` writes in the place of a class.
NOTHING, IGNORED = -1, -2


class GridDetector(nn.Module):
    """The detector: (N, in_channels, H, W) to (N, 5 + classes, ⌈H/8⌉, ⌈W/8⌉), for every H and W.

    Channel 0 is the logit of objectness, channels 1 to 4 are the encoded box (see `detection.encode`), the others the
    logits of the classes, for a softmax. `width` is the number of channels at stride 2; it doubles with the stride
    to 8·`width` at stride 16, and stays.
    """

    def __init__(self, in_channels: int = 3, classes: int = 5, width: int = 16) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.stem = rectified(in_channels, width, 3, stride=2)
        self.stages = nn.ModuleDict()
        for number, (before, made) in enumerate(pairwise(widths), start=1):
            self.stages[f"stride{2 ** (number + 1)}"] = nn.Sequential(
                OrderedDict(down=rectified(before, made, 3, stride=2), block=basic(made, made))
            )
        self.lateral = nn.ModuleDict({"stride16": nn.Conv2d(widths[3], widths[2], 1)})
        self.lateral["stride32"] = nn.Conv2d(widths[4], widths[2], 1)
        self.head = nn.Sequential(
            OrderedDict(norm=nn.BatchNorm2d(widths[2]), relu=nn.ReLU(), block=basic(widths[2], widths[2]))
        )
        self.predict = nn.Conv2d(widths[2], 5 + classes, 1)
        initialise_he(self)
        with torch.no_grad():
            self.predict.weight.mul_(0.1)
            # Few cells hold an object: starting from a probability of 0.02 keeps the first losses from the others low
            # (Lin et al., Focal loss for dense object detection, 2017, section 4.1).
            self.predict.bias[0] = -4.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        maps = {}
        for name, stage in self.stages.items():
            x = maps[name] = stage(x)
        x = maps["stride8"]
        for name, layer in self.lateral.items():
            x = x + F.interpolate(layer(maps[name]), size=x.shape[2:], mode="bilinear", align_corners=False)
        return self.predict(self.head(x))


def packed(objects: Sequence[Objects]) -> Tensor:
    """Return the objects of N images in one tensor, as `loss` takes them: (N, M, 5) float32, M that of the fullest.

    A row is a box and its class; in rows that are left over the class is `NOTHING`, and that of ignored objects is
    `IGNORED`. There is at least one row.
    """
    rows = [
        torch.cat((each.boxes.float(), each.classes.masked_fill(each.ignored, IGNORED).float()[:, None]), 1)
        for each in objects
    ]
    most = max((len(each) for each in rows), default=0)
    device = rows[0].device if rows else None
    result = torch.zeros(len(rows), max(most, 1), 5, device=device)
    result[..., 4] = NOTHING
    for row, each in zip(result, rows, strict=True):
        row[: len(each)] = each
    return result


def mirrored(image: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """Return an image (C, H, W) and its packed objects (M, 5) with left and right exchanged."""
    left, top, right, bottom, kind = objects.unbind(-1)
    width = image.shape[-1]
    return image.flip(-1), torch.stack((width - right, top, width - left, bottom, kind), -1)


def boxes(outputs: Tensor) -> Tensor:
    """Return the boxes in pixels that the cells predict: (N, 5 + K, h, w) to (N, h, w, 4), float32."""
    shapes = torch.full((1, 2), float(ANCHOR), device=outputs.device)
    anchors = grid_anchors(shapes, (outputs.shape[2], outputs.shape[3]), STRIDE)[:, :, 0]
    return decode(outputs[:, 1:5].permute(0, 2, 3, 1).float(), anchors)


def loss(outputs: Tensor, objects: Tensor, radius: float = 1.0) -> Tensor:
    """Return the detector's loss for outputs (N, 5 + K, h, w) and packed objects (N, M, 5).

    Cells are given objects by `detection.assign_cells` with `radius`; let P be how many are. The loss is the sum of

    - the binary cross-entropy of objectness over all cells, where the target is the IoU of the predicted with the true
      box, as in YOLO (not differentiated), and 0 for cells without an object,
    - twice the sum of 1 − GIoU over the cells with an object, and
    - the sum of their cross-entropies of the class,

    divided by P, or by 1 where no cell has an object. Cells whose centre lies in an ignored object, and that have no
    object themselves, are left out.

    Raises `ValueError` when the shapes do not fit or a class is out of range.
    """
    classes = outputs.shape[1] - 5
    if objects.ndim != 3 or objects.shape[2] != 5 or len(objects) != len(outputs) or classes < 1:
        raise ValueError(
            f"Outputs (N, 5 + K, h, w) need objects (N, M, 5), not {tuple(outputs.shape)} and {tuple(objects.shape)}."
        )
    kind = objects[..., 4]
    if bool((kind >= classes).any()):
        raise ValueError(f"The objects hold the class {int(kind.max())}, but the classes are 0 to {classes - 1}.")
    outputs, grid = outputs.float(), (outputs.shape[2], outputs.shape[3])
    given = assign_cells(grid, STRIDE, objects[..., :4], kind >= 0, radius)
    has = given >= 0
    image = torch.arange(len(objects), device=objects.device)[:, None, None].expand_as(given)
    truth = objects[image[has], given[has]]
    found = boxes(outputs)[has]
    of_box = (1 - giou(found, truth[:, :4])).sum()
    of_class = F.cross_entropy(outputs[:, 5:].movedim(1, -1)[has], truth[:, 4].long(), reduction="sum")
    target = torch.zeros_like(outputs[:, 0])
    target[has] = iou(found.detach(), truth[:, :4])
    counted = has | ~_centre_in_ignored(objects, grid)
    of_objectness = F.binary_cross_entropy_with_logits(outputs[:, 0], target, reduction="none").where(counted, 0).sum()
    return (of_objectness + 2 * of_box + of_class) / has.sum().clamp(min=1)


@torch.no_grad()
def detect(
    outputs: Tensor,
    size: tuple[int, int],
    least: float = 0.05,
    threshold: float = 0.5,
    most: int = 100,
) -> list[Detections]:
    """Return what outputs (N, 5 + K, h, w) say of each image of `size` (H, W), surest first.

    Each cell has one box, its likeliest class, and the score objectness · probability of that class. Scores below
    `least` are dropped; of the boxes of a class, cut to the image, non-maximum suppression at IoU `threshold` keeps at
    most the `most` surest of the image.
    """
    outputs = outputs.float()
    probability, kind = outputs[:, 5:].softmax(1).max(1)
    scores = (outputs[:, 0].sigmoid() * probability).flatten(1)
    every = clipped(boxes(outputs), size).flatten(1, 2)
    found = []
    for box, of, score in zip(every, kind.flatten(1), scores, strict=True):
        enough = score >= least
        box, of, score = box[enough], of[enough], score[enough]
        kept = nms(box, score, threshold, of, most)
        found.append(Detections(box[kept], of[kept], score[kept]))
    return found


def _centre_in_ignored(objects: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return which cells (N, h, w) have their centre in an ignored object."""
    down, across = ((torch.arange(length, device=objects.device) + 0.5) * STRIDE for length in grid)
    x0, y0, x1, y1, kind = (each[:, None, None] for each in objects.unbind(-1))
    in_columns = (across[:, None] >= x0) & (across[:, None] < x1)
    in_rows = (down[:, None, None] >= y0) & (down[:, None, None] < y1)
    return (in_columns & in_rows & (kind == IGNORED)).any(-1)
