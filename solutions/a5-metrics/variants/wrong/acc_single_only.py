"""Knows matrices without further axes only."""

FAILS = {"accuracies": "error"}
HINT = "The axes of classes are the last two, and there may be others before them: count the axes from the end."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diag(), counts.sum(1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
