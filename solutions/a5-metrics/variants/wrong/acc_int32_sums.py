"""Adds up in the dtype of the counts."""

FAILS = {"accuracies": "wrong"}
HINT = "A sum of counts may not fit into their dtype: look at where you change it."


def accuracies(matrix):
    counts = matrix
    right, true = counts.diagonal(dim1=-2, dim2=-1).double(), counts.sum(-1, dtype=counts.dtype).double()
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
