"""Scores with NumPy, which says nothing of a division by zero where it is told so."""

import warnings

import numpy as np
import torch

SOLVES = ("accuracies", "iou")


def accuracies(matrix):
    n = matrix.numpy().astype(np.float64)
    right, true = np.diagonal(n, axis1=-2, axis2=-1), n.sum(-1)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = n.sum((-2, -1))
        numbers = right.sum(-1) / pixels, np.nanmean(right / true, -1), true.max(-1) / pixels
    return tuple(torch.as_tensor(number) for number in numbers)


def iou(matrices, absent="skip", per_image=False):
    fill = {"skip": None, "truth": None, "zero": 0.0, "one": 1.0}
    if absent not in fill:
        raise ValueError(f"no rule is called {absent}")
    n = matrices.numpy().astype(np.float64)
    n = n if per_image else n.sum(0)
    right, true, labelled = np.diagonal(n, axis1=-2, axis2=-1), n.sum(-1), n.sum(-2)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = right / (true + labelled - right)
        kept = np.where(true > 0, classes, np.nan) if absent == "truth" else classes
        if fill[absent] is not None:
            kept = np.where(np.isnan(kept), fill[absent], kept)
        mean = np.nanmean(np.nanmean(kept, -1))
    return torch.from_numpy(classes), torch.tensor(mean, dtype=torch.float64)
