"""Scores the images one by one."""

import torch

FAILS = {"iou": "loops"}
HINT = "There is a loop over the images: keep their axis and let the sums run over the others."


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    if per_image and len(matrices):
        scores = [iou(matrix[None], absent) for matrix in matrices]
        classes, means = (torch.stack(parts) for parts in zip(*scores, strict=True))
        return classes, means.nanmean()
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = classes
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
