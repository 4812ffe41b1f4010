"""Makes shares of the caller's counts."""

FAILS = {"accuracies": "wrong"}
HINT = "Look at the caller's matrix after your function has run: something is written into it."


def accuracies(matrix):
    matrix = matrix if matrix.is_floating_point() else matrix.double()
    counts = matrix.double().clone()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    pixels = true.sum(-1)
    numbers = right.sum(-1) / pixels, (right / true).nanmean(-1), true.amax(-1) / pixels
    matrix /= pixels[..., None, None]
    return numbers
