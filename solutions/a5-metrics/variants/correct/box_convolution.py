"""Counts the pixels of other classes in the square by a convolution with ones."""

import torch
import torch.nn.functional as F

SOLVES = ("boundary_iou",)


def boundary_iou(prediction, truth, classes, width):
    if list(prediction.shape) != list(truth.shape) or width < 1:
        raise ValueError
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError
    if ((prediction < 0) | (prediction.long() > classes - 1) | (truth < 0) | (truth.long() > classes - 1)).any():
        raise ValueError
    images, rows, columns = truth.shape
    d = min(int(width), max(rows, columns))
    ones = torch.ones(2 * d + 1, dtype=torch.float64)

    def boundary(labels):
        mask = torch.zeros(images, classes, rows, columns, dtype=torch.float64)
        mask.scatter_(1, labels.long().unsqueeze(1), 1.0)
        others = (1 - mask).flatten(0, 1).unsqueeze(1)
        count = F.conv2d(others, ones.view(1, 1, -1, 1), padding=(d, 0))
        count = F.conv2d(count, ones.view(1, 1, 1, -1), padding=(0, d))
        return mask * (count.view(mask.shape) > 0.5)

    t, p = boundary(truth), boundary(prediction)
    shared = torch.einsum("nkij,nkij->k", t, p)
    return shared / (t.sum((0, 2, 3)) + p.sum((0, 2, 3)) - shared)
