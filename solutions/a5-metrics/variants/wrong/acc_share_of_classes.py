"""Takes 1/K for the accuracy of the constant prediction."""

import torch

FAILS = {"accuracies": "wrong"}
HINT = "The constant prediction knows which class has the most pixels: it is not drawn at random."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), torch.full_like(pixels, 1 / matrix.shape[-1])
