"""Counts with NumPy."""

import numpy as np
import torch

SOLVES = ("confusion_matrix",)


def confusion_matrix(prediction, truth, classes, ignore=None):
    p, t = prediction.numpy(), truth.numpy()
    if p.shape != t.shape or not all(np.issubdtype(a.dtype, np.integer) for a in (p, t)):
        raise ValueError("two maps of integers, of one shape")
    p, t = p.astype(np.int64).ravel(), t.astype(np.int64).ravel()
    keep = slice(None) if ignore is None else t != ignore
    p, t = p[keep], t[keep]
    if ((p < 0) | (p >= classes) | (t < 0) | (t >= classes)).any():
        raise ValueError("no such class")
    counts = np.bincount(np.ravel_multi_index((t, p), (classes, classes)), minlength=classes * classes)
    return torch.from_numpy(counts.astype(np.int64).reshape(classes, classes))
