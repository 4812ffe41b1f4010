"""Counts a class that the truth does not contain as 1."""

FAILS = {"accuracies": "wrong"}
HINT = "A class without true pixels may take part in your mean as if all of it were right."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nan_to_num(1.0).mean(-1), true.amax(-1) / pixels
