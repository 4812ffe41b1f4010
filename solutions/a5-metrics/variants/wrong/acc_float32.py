"""Divides in float32."""

FAILS = {"accuracies": "wrong"}
HINT = "The numbers should be exact to the last digits of float64: look at the dtype in which you divide."


def accuracies(matrix):
    counts = matrix.float()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    numbers = right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
    return tuple(number.double() for number in numbers)
