"""Counts absent classes as 1 unless told otherwise."""

import torch

FAILS = {"iou": "wrong"}
HINT = "Look at which rule holds when none is given."


def iou(matrices, absent="one", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError("no such rule")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = {
        "skip": classes,
        "truth": classes.where(true > 0, torch.nan),
        "zero": classes.nan_to_num(0.0),
        "one": classes.nan_to_num(1.0),
    }[absent]
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
