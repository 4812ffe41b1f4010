"""Adds a small number above and below, as some losses do."""

import torch

FAILS = {"iou": "wrong"}
HINT = (
    "A small number added to avoid a division by zero changes every score: look at what the text says about zero "
    "over zero."
)


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = (right + 1e-6) / (true + counts.sum(-2) - right + 1e-6)
    counted = classes
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
