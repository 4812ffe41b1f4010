"""Leaves out classes only if they are not predicted either."""

import torch

FAILS = {"accuracies": "wrong"}
HINT = "Whether a class is left out depends on the truth alone: look at what you ask of the predictions."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return (
        right.sum(-1) / pixels,
        (right / true.clamp(min=1)).where(true + counts.sum(-2) > 0, torch.nan).nanmean(-1),
        true.amax(-1) / pixels,
    )
