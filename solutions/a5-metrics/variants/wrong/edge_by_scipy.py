"""Calls SciPy's erosion."""

import numpy as np
import torch

FAILS = {"boundary_iou": "forbidden"}
HINT = "This exercise asks for your own search of neighbours: that library is off limits here."


def boundary_iou(prediction, truth, classes, width):
    from scipy import ndimage

    if prediction.shape != truth.shape or prediction.is_floating_point() or truth.is_floating_point() or width < 1:
        raise ValueError("these do not fit")
    prediction, truth = prediction.long(), truth.long()
    if any(labels.numel() and (labels.min() < 0 or labels.max() >= classes) for labels in (prediction, truth)):
        raise ValueError("a label is no class")
    p, t = (labels.numpy()[..., None] == np.arange(classes) for labels in (prediction, truth))
    box = np.ones((1, 2 * width + 1, 2 * width + 1, 1))
    p, t = (mask & ~ndimage.binary_erosion(mask, box, border_value=1) for mask in (p, t))
    with np.errstate(all="ignore"):
        return torch.from_numpy((p & t).sum((0, 1, 2)) / (p | t).sum((0, 1, 2)))
