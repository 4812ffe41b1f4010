"""Boxes: their areas and overlaps, other ways to write them down, the boxes of things in a label map, suppression.

A box is (x0, y0, x1, y1) in pixels of the image, its left, top, right and bottom edge, as real numbers. Pixel (row i,
column j) is the square from (j, i) to (j + 1, i + 1), so the box of that pixel alone is (j, i, j + 1, i + 1): the first
column and row belong to a box and x1 and y1 do not (*half-open*), and x1 − x0 is a width. A box with x1 ≤ x0 or
y1 ≤ y0 is empty: its area is 0, and so is its overlap with every box.

Coordinates may be whole numbers; what is computed of them is float64, of half precision float32. Results are on the
device of the boxes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BOX = 4


@dataclass(frozen=True)
class Objects:
    """The true objects of one image: `boxes` (M, 4), `classes` (M,) int64, and (M,) booleans that may be left out.

    `ignored` objects are neither to be found nor wrong to find: too small, or hidden too far. A `crowd` is one box
    around many objects, ignored as well. Left out, both are false for all.

    Raises `ValueError` when the shapes do not fit.
    """

    boxes: Tensor
    classes: Tensor
    ignored: Tensor | None = None
    crowd: Tensor | None = None

    def __post_init__(self) -> None:
        none = torch.zeros(self.boxes.shape[:1], dtype=torch.bool, device=self.boxes.device)
        crowd = none if self.crowd is None else self.crowd
        _check_lengths(self.boxes, self.classes, crowd, none if self.ignored is None else self.ignored)
        object.__setattr__(self, "crowd", crowd)
        object.__setattr__(self, "ignored", crowd if self.ignored is None else self.ignored | crowd)

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Detections:
    """What a detector found in one image: `boxes` (D, 4), `classes` (D,) int64, `scores` (D,), higher is surer.

    Raises `ValueError` when the shapes do not fit or a score is no number.
    """

    boxes: Tensor
    classes: Tensor
    scores: Tensor

    def __post_init__(self) -> None:
        _check_lengths(self.boxes, self.classes, self.scores)
        _check_scores(self.scores)

    def __len__(self) -> int:
        return len(self.boxes)


def area(boxes: Tensor) -> Tensor:
    """Return the areas in square pixels of boxes (…, 4): (…)."""
    return _sides(_widened(boxes)).prod(-1)


def to_centres(boxes: Tensor) -> Tensor:
    """Return boxes (…, 4) as (x, y, w, h): the centre, the width and the height."""
    boxes = _widened(boxes)
    return torch.cat(((boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]), -1)


def from_centres(centres: Tensor) -> Tensor:
    """Return boxes (…, 4) from (x, y, w, h): the inverse of `to_centres`."""
    centres = _widened(centres)
    half = centres[..., 2:] / 2
    return torch.cat((centres[..., :2] - half, centres[..., :2] + half), -1)


def to_sizes(boxes: Tensor) -> Tensor:
    """Return boxes (…, 4) as (x0, y0, w, h), which is how COCO's files write them; the dtype stays."""
    return torch.cat((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), -1)


def from_sizes(sizes: Tensor) -> Tensor:
    """Return boxes (…, 4) from (x0, y0, w, h): the inverse of `to_sizes`."""
    return torch.cat((sizes[..., :2], sizes[..., :2] + sizes[..., 2:]), -1)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the part of each box (…, 4) that lies in an image of `size` (H, W); outside of it nothing but edges."""
    x, y = boxes[..., 0::2].clamp(0, size[1]), boxes[..., 1::2].clamp(0, size[0])
    return torch.stack((x[..., 0], y[..., 0], x[..., 1], y[..., 1]), -1)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return intersection over union of each box with its partner: (…, 4) and (…, 4), which broadcast, to (…).

    Where both are empty it is 0, by convention: 0/0 otherwise.
    """
    shared, union, _ = _overlap(boxes, others)
    return shared / _never_zero(union)


def giou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the generalised IoU of each box with its partner, from −1 to 1: (…, 4) and (…, 4) to (…).

    It is IoU − (hull − union) / hull, where the hull is the smallest box around both. It falls with the distance of
    boxes that do not meet, whose IoU is 0 with no gradient. Of a hull without area nothing is taken away.

    Source: Rezatofighi et al., Generalized intersection over union, 2019, algorithm 1.
    """
    shared, union, hull = _overlap(boxes, others)
    return shared / _never_zero(union) - (hull - union) / _never_zero(hull)


def pairwise_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the `iou` of every box with every other one: (…, N, 4) and (…, M, 4) to (…, N, M)."""
    return iou(boxes.unsqueeze(-2), others.unsqueeze(-3))


def pairwise_giou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the `giou` of every box with every other one: (…, N, 4) and (…, M, 4) to (…, N, M)."""
    return giou(boxes.unsqueeze(-2), others.unsqueeze(-3))


def pairwise_share_inside(boxes: Tensor, others: Tensor) -> Tensor:
    """Return which share of every box lies in every other one: (…, N, 4) and (…, M, 4) to (…, N, M).

    COCO's measure for a crowd, whose box is larger than any object in it; 0 for a box without area.
    """
    shared, _, _ = _overlap(boxes.unsqueeze(-2), others.unsqueeze(-3))
    return shared / _never_zero(area(boxes)).unsqueeze(-1)


def nms(
    boxes: Tensor,
    scores: Tensor,
    threshold: float = 0.5,
    groups: Tensor | None = None,
    most: int | None = None,
) -> Tensor:
    """Return the indices of the boxes that greedy non-maximum suppression keeps, by falling score: (K,) int64.

    In the order of their scores (N,), a box (N, 4) is kept unless its IoU with one kept before is above `threshold`.
    Equal scores are taken in the order of the boxes; an IoU of exactly `threshold` does not suppress. With `groups`
    (N,), integers such as classes, boxes of different groups leave each other alone. `most` cuts the result.

    The rule "kept is what no kept box before it overlaps" is applied to all boxes at once, again until nothing changes;
    after n rounds the first n are right, and a few rounds are usual. Memory grows with N².

    Raises `ValueError` when the shapes do not fit or a score is no number.

    Source: Felzenszwalb et al., Object detection with discriminatively trained part-based models, 2010, section 7.2,
    whose overlap is the share of a box rather than IoU.
    """
    _check_lengths(boxes, scores, *([] if groups is None else [groups]))
    _check_scores(scores)
    order = scores.argsort(descending=True, stable=True)
    ordered = boxes[order]
    hides = (pairwise_iou(ordered, ordered) > threshold).triu(1)
    if groups is not None:
        hides &= groups[order].unsqueeze(1) == groups[order]
    kept = torch.ones_like(scores, dtype=torch.bool)
    for _ in range(len(boxes)):
        before, kept = kept, ~(hides & kept.unsqueeze(1)).any(0)
        if torch.equal(before, kept):
            break
    return order[kept][:most]


def objects_in(instances: Tensor, labels: Tensor, least: int = 0) -> list[Objects]:
    """Return the objects of each image of instance maps (N, H, W), 0 where there is none, and label maps (N, H, W).

    The box of an object is the smallest one around its visible pixels: what another object hides or the border cuts off
    does not count, and an object in two parts has one box. An object of which nothing is visible is not there. Objects
    come in the order of their numbers; boxes are float32. Those with fewer than `least` visible pixels are ignored.

    Raises `ValueError` when the shapes differ, a number is negative, or an object has pixels of two classes.
    """
    if instances.ndim != 3 or instances.shape != labels.shape:
        raise ValueError(
            f"Instances and labels are both (N, H, W), not {tuple(instances.shape)} and {tuple(labels.shape)}."
        )
    numbers = instances.long()
    if numbers.numel() and numbers.min() < 0:
        raise ValueError(f"Instances are numbered from 1, and 0 is none; {int(numbers.min())} is neither.")
    image, row, column = numbers.nonzero(as_tuple=True)
    at = (image, row, column)
    many = int(numbers.max()) + 1 if numbers.numel() else 1
    found, index, pixels = torch.unique(image * many + numbers[at], return_inverse=True, return_counts=True)

    def extreme(values: Tensor, which: str) -> Tensor:
        return values.new_zeros(len(found)).scatter_reduce_(0, index, values, which, include_self=False)

    kinds = labels[at].long()
    classes = extreme(kinds, "amax")
    if not torch.equal(classes, extreme(kinds, "amin")):
        raise ValueError("An object has pixels of two classes: instances and labels do not belong together.")
    edges = (extreme(column, "amin"), extreme(row, "amin"), extreme(column, "amax") + 1, extreme(row, "amax") + 1)
    boxes = torch.stack(edges, -1).float()
    sizes = (found // many).bincount(minlength=len(instances)).tolist()
    parts = (each.split(sizes) for each in (boxes, classes, pixels < least))
    return [Objects(*each) for each in zip(*parts, strict=True)]


def _overlap(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the areas of the intersection, the union and the hull: (…) each."""
    for each in (boxes, others):
        if each.shape[-1:] != (BOX,):
            raise ValueError(f"Boxes are (…, 4), not {tuple(each.shape)}.")
    boxes, others = _widened(boxes), _widened(others)
    first, last = torch.maximum(boxes[..., :2], others[..., :2]), torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (last - first).clamp(min=0).prod(-1)
    union = area(boxes) + area(others) - shared
    first, last = torch.minimum(boxes[..., :2], others[..., :2]), torch.maximum(boxes[..., 2:], others[..., 2:])
    return shared, union, (last - first).clamp(min=0).prod(-1)


def _sides(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)


def _widened(boxes: Tensor) -> Tensor:
    """Return boxes in a type in which areas are exact enough."""
    if not boxes.is_floating_point():
        return boxes.double()
    return boxes.to(torch.promote_types(boxes.dtype, torch.float32))


def _never_zero(denominator: Tensor) -> Tensor:
    return denominator.where(denominator != 0, 1)


def _check_lengths(boxes: Tensor, *others: Tensor) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != BOX or any(each.shape != boxes.shape[:1] for each in others):
        shapes = ", ".join(str(tuple(each.shape)) for each in others)
        raise ValueError(f"Boxes of the shape {tuple(boxes.shape)} do not fit {shapes}: (N, 4) needs (N,).")


def _check_scores(scores: Tensor) -> None:
    if scores.isnan().any():
        raise ValueError("A score is NaN: nothing says where it stands among the others.")
