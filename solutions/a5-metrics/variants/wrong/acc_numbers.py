"""Returns numbers of Python."""

FAILS = {"accuracies": "wrong"}
HINT = "The results are tensors, also for a single matrix: look at what you return."


def accuracies(matrix):
    counts = matrix.double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    numbers = right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
    return tuple(number.item() if number.ndim == 0 else number for number in numbers)
