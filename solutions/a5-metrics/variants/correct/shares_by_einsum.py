"""Row and column sums by einsum, and a sum of what counts over its number."""

import torch

SOLVES = ("accuracies", "iou")


def accuracies(matrix):
    n = matrix.to(torch.float64)
    right, true = torch.einsum("...kk->...k", n), torch.einsum("...ij->...i", n)
    there = true > 0
    shares = torch.where(there, right / torch.where(there, true, 1.0), 0.0)
    pixels = true.sum(-1)
    return right.sum(-1) / pixels, shares.sum(-1) / there.sum(-1), true.max(-1).values / pixels


def averaged(values, counted):
    return torch.where(counted, values, 0.0).sum(-1) / counted.sum(-1)


def iou(matrices, absent="skip", per_image=False):
    n = matrices.to(torch.float64)
    if not per_image:
        n = torch.einsum("nij->ij", n)
    right, true = torch.einsum("...kk->...k", n), torch.einsum("...ij->...i", n)
    union = true + torch.einsum("...ij->...j", n) - right
    classes = right / union
    all_of_them = torch.ones_like(union, dtype=torch.bool)
    rules = {
        "skip": lambda: averaged(classes, union > 0),
        "truth": lambda: averaged(classes, true > 0),
        "zero": lambda: averaged(torch.where(union > 0, classes, 0.0), all_of_them),
        "one": lambda: averaged(torch.where(union > 0, classes, 1.0), all_of_them),
    }
    if absent not in rules:
        raise ValueError(absent)
    mean = rules[absent]()
    return classes, averaged(mean, ~mean.isnan()) if per_image else mean
