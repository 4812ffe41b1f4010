"""Takes the rule `truth` for `skip`."""

FAILS = {"iou": "wrong"}
HINT = "By one of the rules a class that was only predicted is left out: look at what decides about that."


def iou(matrices, absent="skip", per_image=False):
    if absent not in ("skip", "truth", "zero", "one"):
        raise ValueError(f"absent should be skip, truth, zero or one, not {absent!r}")
    counts = matrices.double() if per_image else matrices.double().sum(0)
    right, true = counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1)
    classes = right / (true + counts.sum(-2) - right)
    counted = classes
    if absent in ("zero", "one"):
        counted = classes.nan_to_num(1.0 if absent == "one" else 0.0)
    mean = counted.nanmean(-1)
    return classes, mean.nanmean() if per_image else mean
