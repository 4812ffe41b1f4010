"""Errors of a detector, sorted by what went wrong."""

import torch
from torch import Tensor

from pixelwise.detection.boxes import Detections, Objects, pairwise_iou
from pixelwise.detection.precision_recall import NOT_COUNTED, RIGHT, matched

MISTAKES = ("right", "double", "wrong class", "badly placed", "background", "not counted")


def mistakes(found: Detections, truth: Objects, threshold: float = 0.5, near: float = 0.1) -> tuple[Tensor, Tensor]:
    """Return the index in `MISTAKES` of each detection (D,) of an image, and which objects (M,) were missed, on CPU.

    Detections are matched by falling score, as VOC does, at IoU `threshold`. One that found an object is right; one
    that found an ignored object is not counted. Any other is

    - double, if its IoU with an object of its class is at least `threshold`: another detection has found that object;
    - of the wrong class, if its IoU with an object of another class is at least `threshold`;
    - badly placed, if its IoU with an object of its class is at least `near`;
    - background otherwise.

    Source: after Hoiem et al., Diagnosing error in object detectors, 2012, who count doubles among the badly placed,
    and ask for less overlap with another class.
    """
    order = found.scores.argsort(descending=True, stable=True)
    ordered = Detections(found.boxes[order], found.classes[order], found.scores[order])
    (state,) = matched(ordered, truth, (threshold,), "voc2010")
    overlap = pairwise_iou(ordered.boxes.double(), truth.boxes.double()).cpu()
    same = ordered.classes.cpu()[:, None] == truth.classes.cpu()
    missed = ~truth.ignored.cpu()
    if not len(truth) or not len(found):
        return torch.full((len(found),), MISTAKES.index("background")), missed
    of_class, of_other = (overlap.masked_fill(~which, 0).max(1).values for which in (same, ~same))
    kind = torch.full((len(found),), MISTAKES.index("background"))
    for name, which in (
        ("badly placed", of_class >= near),
        ("wrong class", of_other >= threshold),
        ("double", of_class >= threshold),
        ("not counted", state == NOT_COUNTED),
        ("right", state == RIGHT),
    ):
        kind[which] = MISTAKES.index(name)
    best = overlap.masked_fill(~same, -1).argmax(1)
    missed[best[state == RIGHT]] = False
    result = torch.empty_like(kind)
    result[order.cpu()] = kind
    return result, missed
