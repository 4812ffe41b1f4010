"""Counts a class that the truth does not contain as 0."""

FAILS = {"accuracies": "wrong"}
HINT = "A class without true pixels may still take part in your mean, as a zero: look at what you divide by."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nan_to_num(0.0).mean(-1), true.amax(-1) / pixels
