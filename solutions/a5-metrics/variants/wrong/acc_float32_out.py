"""Returns float32, as dividing whole numbers gives by default."""

FAILS = {"accuracies": "wrong"}
HINT = "Look at the dtype of what you return: dividing integers gives PyTorch's default dtype."


def accuracies(matrix):
    counts = matrix.long()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
