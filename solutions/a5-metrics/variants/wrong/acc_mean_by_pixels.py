"""Weighs each class by its pixels, which is the pixel accuracy again."""

FAILS = {"accuracies": "wrong"}
HINT = "The second number may be the first again: each class should have the same weight in it."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nan_to_num().mul(true).sum(-1) / pixels, true.amax(-1) / pixels
