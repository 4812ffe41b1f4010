"""Visits the classes one by one."""

import torch

FAILS = {"iou": "loops"}
HINT = "There is a loop over the classes: diagonal, row sums and column sums are tensors that divide at once."


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    union = true + counts.sum(-2) - right
    classes = torch.stack([right[..., k] / union[..., k] for k in range(right.shape[-1])], -1)
    counted = classes
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
