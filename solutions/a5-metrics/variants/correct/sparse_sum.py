"""A sparse matrix with a one for each pixel adds up what falls on the same place."""

import torch

SOLVES = ("confusion_matrix",)


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape or prediction.dtype.is_floating_point or truth.dtype.is_floating_point:
        raise ValueError("these are no two label maps")
    pairs = torch.stack([truth.reshape(-1).long(), prediction.reshape(-1).long()])
    if ignore is not None:
        pairs = pairs[:, pairs[0] != ignore]
    if pairs.shape[1] and not (int(pairs.min()) >= 0 and int(pairs.max()) < classes):
        raise ValueError("a label is no class")
    counts = torch.zeros(classes * classes, dtype=torch.int64)
    index = pairs[0].mul_(classes).add_(pairs[1])
    return counts.scatter_add_(0, index, torch.ones(1, dtype=torch.int64).expand_as(index)).reshape(classes, classes)
