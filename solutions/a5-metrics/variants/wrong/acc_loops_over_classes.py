"""Visits the classes one by one."""

import torch

FAILS = {"accuracies": "loops"}
HINT = "There is a loop over the classes: divide all diagonal entries by all row sums at once."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    classes = [(right[..., k] / true[..., k]) for k in range(matrix.shape[-1])]
    return right.sum(-1) / pixels, torch.stack(classes, -1).nanmean(-1), true.amax(-1) / pixels
