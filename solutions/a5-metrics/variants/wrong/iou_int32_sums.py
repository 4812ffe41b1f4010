"""Adds up in the dtype of the counts."""

import torch

FAILS = {"iou": "wrong"}
HINT = "A sum of counts may not fit into their dtype: look at where you change it."


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = (matrices if per_image else matrices.sum(0, dtype=matrices.dtype)).double()
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = classes
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
