"""Takes the largest number of right pixels of a class for the constant prediction."""

FAILS = {"accuracies": "wrong"}
HINT = "The constant prediction labels every pixel with one class: look at how many pixels it gets right."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), right.amax(-1) / pixels
