"""Divides by at least 1, so that a class without true pixels has the accuracy 0."""

FAILS = {"accuracies": "wrong"}
HINT = (
    "Dividing by at least one avoids NaN, but the class still takes part in the mean: look at how many classes "
    "you divide by."
)


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true.clamp(min=1)).mean(-1), true.amax(-1) / pixels
