"""Adds up all matrices of a batch."""

FAILS = {"accuracies": "wrong"}
HINT = "There should be three numbers for every matrix: look at the axes over which you add."


def accuracies(matrix):
    counts = matrix.double().reshape(-1, *matrix.shape[-2:]).sum(0)
    right, true = counts.diagonal(), counts.sum(-1)
    return right.sum() / true.sum(), (right / true).nanmean(), true.max() / true.sum()
