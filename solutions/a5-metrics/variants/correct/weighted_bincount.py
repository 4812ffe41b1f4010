"""Counts the numbers of pairs with a weight of 0 for each pixel that is ignored."""

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
    pairs = t.mul(classes).add_(p).masked_fill_(~known, 0)
    return pairs.bincount(known.double(), minlength=classes**2).long().unflatten(0, (classes, classes))
