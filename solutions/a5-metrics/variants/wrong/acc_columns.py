"""Divides by the predicted pixels of a class, which gives precision."""

FAILS = {"accuracies": "wrong"}
HINT = "Class accuracy asks how many of the true pixels were found: look at whether you add up rows or columns."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-2)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
