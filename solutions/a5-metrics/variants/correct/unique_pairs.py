"""Finds the pairs that occur and how often, and writes them into the matrix."""

import torch

SOLVES = ("confusion_matrix",)


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError("unlike shapes")
    if torch.is_floating_point(prediction) or torch.is_floating_point(truth):
        raise ValueError("no labels")
    p, t = prediction.ravel().long(), truth.ravel().long()
    known = torch.ones_like(t, dtype=torch.bool) if ignore is None else t.ne(ignore)
    if (known & ((p < 0) | (p > classes - 1) | (t < 0) | (t > classes - 1))).any():
        raise ValueError("no class")
    numbers, counts = torch.unique((classes * t + p).masked_select(known), return_counts=True)
    matrix = torch.zeros(classes**2, dtype=torch.long)
    matrix[numbers] = counts
    return matrix.unflatten(0, (classes, classes))
