"""Gives 0 where no pixel counts."""

FAILS = {"accuracies": "wrong"}
HINT = "Without pixels nothing is right and nothing is wrong: look at what the text says about zero over zero."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    numbers = right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
    return tuple(number.nan_to_num() for number in numbers)
