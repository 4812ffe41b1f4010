"""Takes the class that was predicted most for the constant prediction."""

FAILS = {"accuracies": "wrong"}
HINT = "The most frequent class is that of the truth, not of the prediction: look at rows and columns."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), counts.sum(-2).amax(-1) / pixels
