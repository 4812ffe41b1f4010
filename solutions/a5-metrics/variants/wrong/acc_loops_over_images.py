"""Visits the matrices one by one."""

import torch

FAILS = {"accuracies": "loops"}
HINT = "There is a loop over the matrices: let the sums run over the last axes and keep the others."


def accuracies(matrix):
    found = []
    for counts in matrix.reshape(-1, *matrix.shape[-2:]).double():
        right, true = counts.diagonal(), counts.sum(-1)
        found.append(torch.stack([right.sum() / true.sum(), (right / true).nanmean(), true.max() / true.sum()]))
    numbers = torch.stack(found) if found else torch.zeros(0, 3, dtype=torch.float64)
    return tuple(numbers.T.reshape(3, *matrix.shape[:-2]))
