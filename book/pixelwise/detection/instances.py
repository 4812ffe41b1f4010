"""Instances: objects numbered pixel by pixel, from a label map alone or with boxes, and panoptic quality.

    instances = by_boxes(labels, found, first=4)      # (N, H, W) and N Detections to (N, H, W)
    score = PanopticQuality(classes=9)
    score.update(instances[0], labels[0], truth.instances[0], truth.labels[0])
    score.quality()

Instances are whole numbers, 1, 2, … for the objects of an image and 0 where there is none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pixelwise.detection.boxes import Detections, to_centres


def connected(labels: Tensor, classes: Sequence[int], least: int = 0) -> Tensor:
    """Return the connected components of `classes` in label maps (N, H, W), numbered in each image: (N, H, W) int64.

    Two pixels are connected if they share an edge and have the same label. Components with fewer than `least` pixels
    get 0, like all other classes. The order of the numbers is that of the components' last pixels.

    Each pixel takes the largest index of its neighbours and then of the pixel that it names, until nothing changes.
    """
    counted = torch.isin(labels, torch.tensor(classes, device=labels.device))
    names = torch.arange(labels.numel(), device=labels.device).reshape(labels.shape)
    while True:
        before = names.clone()
        for axis in (1, 2):
            length = labels.shape[axis] - 1
            one, other = names.narrow(axis, 0, length), names.narrow(axis, 1, length)
            same = labels.narrow(axis, 0, length) == labels.narrow(axis, 1, length)
            one.copy_(torch.where(same, torch.maximum(one, other), one))
            other.copy_(torch.where(same, torch.maximum(one, other), other))
        names = names.flatten()[names]
        if torch.equal(names, before):
            return torch.stack([_numbered(*each, least) for each in zip(names, counted, strict=True)])


def by_boxes(labels: Tensor, found: Sequence[Detections], first: int, least: int = 0) -> Tensor:
    """Return instances (N, H, W) int64 of label maps (N, H, W), told apart by the boxes of N images.

    A pixel belongs to a detection if its centre lies in the box and its label is `first` + the detection's class. Of
    several, it is given the one whose centre is nearest, each axis measured in sides of the box (the larger of both
    counts); of equal ones the surer. A pixel without a detection gets 0, and so do detections that are given fewer
    than `least` pixels.
    """
    height, width = labels.shape[1:]
    y, x = (torch.arange(length, device=labels.device) + 0.5 for length in (height, width))
    result = []
    for each, of in zip(found, labels, strict=True):
        order = each.scores.argsort(descending=True, stable=True)
        middle_x, middle_y, w, h = (value[:, None, None] for value in to_centres(each.boxes[order]).unbind(1))
        away = torch.maximum((x - middle_x).abs() / w, (y[:, None] - middle_y).abs() / h)
        fits = (away <= 0.5) & (of == first + each.classes[order][:, None, None])
        if not len(order):
            result.append(torch.zeros_like(of, dtype=torch.int64))
            continue
        nearest = away.masked_fill(~fits, torch.inf).argmin(0)
        result.append(_numbered(nearest, fits.any(0), least))
    return torch.stack(result)


class PanopticQuality:
    """Panoptic quality of things: `update` takes one image at a time, of label maps with `classes` classes.

    A segment is all pixels of one class and instance; pixels of instance 0 are in none. A predicted and a true segment
    of the same class match if their IoU is above one half; then no other pair with one of them can. With TP matched
    pairs, FP predicted and FN true segments left over,

        PQ = (sum of the matched IoUs) / (TP + FP/2 + FN/2) = (their mean, SQ) · TP / (TP + FP/2 + FN/2), RQ.

    Source: Kirillov et al., Panoptic segmentation, 2019, section 4, whose void pixels count for nothing: they are taken
    from the predicted segments, and one that is void by more than half is not counted if it stays unmatched.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.shared = torch.zeros(classes, dtype=torch.float64)
        self.right, self.wrong, self.missed = torch.zeros(3, classes, dtype=torch.int64)

    def update(
        self, found: Tensor, found_labels: Tensor, instances: Tensor, labels: Tensor, void: Tensor | None = None
    ) -> None:
        """Take in the predicted and the true instances and labels of an image, (H, W) each, and which are `void`.

        Raises `ValueError` when the shapes differ.
        """
        maps = [each.cpu() for each in (found, found_labels, instances, labels)]
        void = torch.zeros_like(maps[0], dtype=torch.bool) if void is None else void.cpu()
        if len({each.shape for each in (*maps, void)}) != 1:
            shapes = ", ".join(str(tuple(each.shape)) for each in (*maps, void))
            raise ValueError(f"Instances, labels and void of an image have one shape (H, W), not {shapes}.")
        (names, mine), (true_names, its) = (_segments(*pair, self.classes) for pair in (maps[:2], maps[2:]))
        table = torch.bincount(mine * len(true_names) + its, minlength=len(names) * len(true_names))
        outside = torch.bincount(mine[void.flatten()], minlength=len(names))
        unseen = (mine * len(true_names) + its)[void.flatten()]
        table = (table - torch.bincount(unseen, minlength=len(table))).reshape(len(names), -1)
        sizes, true_sizes = table.sum(1), table.sum(0)
        iou = table.double() / (sizes[:, None] + true_sizes - table).clamp(min=1)
        kinds, true_kinds = names % self.classes, true_names % self.classes
        matches = (iou > 0.5) & (kinds[:, None] == true_kinds) & (names >= 0)[:, None] & (true_names >= 0)
        one, other = matches.nonzero(as_tuple=True)
        self.shared.index_add_(0, kinds[one], iou[one, other])
        wrong = (names >= 0) & ~matches.any(1) & (outside <= sizes)
        missed = (true_names >= 0) & ~matches.any(0) & (true_sizes > 0)
        for counts, which in ((self.right, kinds[one]), (self.wrong, kinds[wrong]), (self.missed, true_kinds[missed])):
            counts += torch.bincount(which, minlength=self.classes)

    def quality(self) -> Tensor:
        """Return PQ, SQ and RQ of each class: (3, classes) float64; PQ and RQ are NaN for a class without segments.

        SQ is NaN for a class without a match.
        """
        of = self.right + (self.wrong + self.missed) / 2
        of = of.double().where(of > 0, torch.nan)
        matched = self.right.double().where(self.right > 0, torch.nan)
        return torch.stack((self.shared / of, self.shared / matched, self.right / of))


def _numbered(names: Tensor, counted: Tensor, least: int) -> Tensor:
    """Return the names (H, W) where they count, as 1, 2, … in their order; 0 elsewhere and for the small ones."""
    _, index, pixels = torch.unique(names[counted], return_inverse=True, return_counts=True)
    large = pixels >= max(least, 1)
    numbers = torch.where(large, large.cumsum(0), 0)
    result = torch.zeros_like(names)
    result[counted] = numbers[index]
    return result


def _segments(instances: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the segments' names and each pixel's index among them, (H·W,); −1 names the pixels that are in none."""
    names = torch.where(instances > 0, instances * classes + labels, -1)
    return torch.unique(names.flatten(), return_inverse=True)
