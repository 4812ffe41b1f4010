"""Takes any other word for `zero`."""

import torch

FAILS = {"iou": "wrong"}
HINT = "A rule that does not exist should be refused: look at what your last branch does with it."


def iou(matrices, absent="skip", per_image=False):
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
