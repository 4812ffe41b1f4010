"""Looks in a disc instead of a square."""

import torch
import torch.nn.functional as F

FAILS = {"boundary_iou": "wrong"}
HINT = "The distance is that of the chessboard: look at the shape of the window in which you search."


def boundary_iou(prediction, truth, classes, width):
    if prediction.shape != truth.shape or prediction.is_floating_point() or truth.is_floating_point() or width < 1:
        raise ValueError("these do not fit")
    if any(labels.numel() and (labels.min() < 0 or labels.max() >= classes) for labels in (prediction, truth)):
        raise ValueError("a label is no class")
    reach = min(width, max(truth.shape[1:]))
    away = torch.arange(-reach, reach + 1)
    disc = (away[:, None] ** 2 + away**2 <= width**2).double()[None, None]

    def region(labels):
        mask = F.one_hot(labels.long(), classes).movedim(-1, 0).double()
        other = F.conv2d((1 - mask).flatten(0, 1)[:, None], disc, padding=reach).view(mask.shape)
        return (mask > 0) & (other > 0.5)

    true, predicted = region(truth), region(prediction)
    return (true & predicted).sum((1, 2, 3)).double() / (true | predicted).sum((1, 2, 3)).double()
