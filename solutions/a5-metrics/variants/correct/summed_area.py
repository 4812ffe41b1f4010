"""Sums over squares as differences of cumulative sums: a pixel is inside where its whole square is of its class."""

import torch
import torch.nn.functional as F

SOLVES = ("boundary_iou",)


def along(x, axis, d):
    """Sums over 2d + 1 neighbours along an axis; beyond the edge there are none."""
    n = x.shape[axis]
    total = torch.cat([torch.zeros_like(x.narrow(axis, 0, 1)), x.cumsum(axis)], axis)
    place = torch.arange(n)
    return total.index_select(axis, (place + d + 1).clamp(max=n)) - total.index_select(axis, (place - d).clamp(min=0))


def region(labels, classes, d):
    mask = F.one_hot(labels.long(), classes)
    seen = along(along(mask, 1, d), 2, d)
    size = along(along(torch.ones_like(mask), 1, d), 2, d)
    return mask.bool() & (seen < size)


def boundary_iou(prediction, truth, classes, width):
    if prediction.shape != truth.shape:
        raise ValueError("unlike shapes")
    if prediction.dtype.is_floating_point or truth.dtype.is_floating_point:
        raise ValueError("no labels")
    if width <= 0:
        raise ValueError("no width")
    for labels in (prediction, truth):
        if bool(((labels < 0) | (labels.long() >= classes)).any()):
            raise ValueError("no class")
    t, p = region(truth, classes, width), region(prediction, classes, width)
    shared, joined = (t & p).sum((0, 1, 2)), (t | p).sum((0, 1, 2))
    return shared.double() / joined.double()
