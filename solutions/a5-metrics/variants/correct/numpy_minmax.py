"""Largest and smallest labels of sliding windows with NumPy, and counts of pairs."""

import numpy as np
import torch

SOLVES = ("boundary_iou",)


def extreme(labels, d, reduce, fill):
    for axis in (1, 2):
        sides = [(0, 0)] * 3
        sides[axis] = (d, d)
        padded = np.pad(labels, sides, constant_values=fill)
        labels = reduce(np.lib.stride_tricks.sliding_window_view(padded, 2 * d + 1, axis=axis), axis=-1)
    return labels


def boundary_iou(prediction, truth, classes, width):
    p, t = prediction.numpy(), truth.numpy()
    if p.shape != t.shape or width < 1 or p.dtype.kind == "f" or t.dtype.kind == "f":
        raise ValueError("these are no two label maps with a width")
    p, t = p.astype(np.int64), t.astype(np.int64)
    if any(((a < 0) | (a >= classes)).any() for a in (p, t)):
        raise ValueError("a label is no class")
    d = min(width, max(p.shape[1:]))

    def marked(a):
        inner = extreme(a, d, np.max, -1) == extreme(a, d, np.min, classes)
        return np.where(inner, classes, a)

    pairs = marked(t) * (classes + 1) + marked(p)
    # Only the pairs of like labels and the totals are needed.
    true = np.bincount(marked(t).ravel(), minlength=classes + 1)[:classes]
    labelled = np.bincount(marked(p).ravel(), minlength=classes + 1)[:classes]
    same = pairs[marked(t) == marked(p)] // (classes + 1)
    shared = np.bincount(same, minlength=classes + 1)[:classes]
    with np.errstate(all="ignore"):
        return torch.from_numpy(shared / (true + labelled - shared))
