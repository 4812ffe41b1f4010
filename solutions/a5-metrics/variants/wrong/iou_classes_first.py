"""Takes the mean over images of each class first, per image."""

import torch

FAILS = {"iou": "wrong"}
HINT = (
    "Per image, the mean over the classes comes first and that over the images second; with classes left out the "
    "order matters."
)


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = classes
    if absent == "truth":
        counted = classes.where(true > 0, torch.nan)
    elif absent != "skip":
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    return classes, (counted.nanmean(0) if per_image else counted).nanmean()
