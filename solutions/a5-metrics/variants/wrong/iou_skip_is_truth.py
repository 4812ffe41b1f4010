"""Skips classes that the truth does not contain, though they were predicted."""

import torch

FAILS = {"iou": "wrong"}
HINT = "Two rules may be one in your code: a class that was predicted and is not in the truth is not absent."


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = classes.where(true > 0, torch.nan)
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
