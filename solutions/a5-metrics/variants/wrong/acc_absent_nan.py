"""Lets a class that the truth does not contain make the mean NaN."""

FAILS = {"accuracies": "wrong"}
HINT = "Zero over zero is NaN, and NaN spreads to the mean: look at which classes the text leaves out."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).mean(-1), true.amax(-1) / pixels
