"""Returns the mean class accuracy first."""

FAILS = {"accuracies": "wrong"}
HINT = "Look at the order in which the text asks for the three numbers."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return (right / true).nanmean(-1), right.sum(-1) / pixels, true.amax(-1) / pixels
