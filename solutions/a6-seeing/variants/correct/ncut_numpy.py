"""NumPy, with masks of all divisions."""

import numpy as np
import torch

SOLVES = ("normalised_cut",)


def normalised_cut(affinity):
    w = affinity.numpy().astype(np.float64)
    if w.ndim != 3 or w.shape[1] != w.shape[2] or w.shape[2] <= 1:
        raise ValueError("shape")
    if not np.isfinite(w).all() or w.min(initial=0.0) < 0 or (w != w.swapaxes(1, 2)).any():
        raise ValueError("entries")
    d = w.sum(axis=1)
    if (d == 0).any():
        raise ValueError("degree")
    inverse = 1 / np.sqrt(d)
    matrix = np.eye(w.shape[1]) - inverse[:, :, None] * w * inverse[:, None]
    y = np.linalg.eigh(matrix)[1][:, :, 1] * inverse
    rank = y.argsort(axis=1).argsort(axis=1)
    t = np.arange(1, w.shape[1])
    first = (rank[:, None, :] < t[:, None]).astype(np.float64)  # graph, division, vertex
    cut = ((first @ w) * (1 - first)).sum(axis=2)
    cost = cut / (first @ d[..., None])[..., 0] + cut / ((1 - first) @ d[..., None])[..., 0]
    best = cost.argmin(axis=1)[:, None]
    parts = rank > best
    parts = np.logical_xor(parts, parts[:, :1])
    smallest = np.take_along_axis(cost, best, axis=1)[:, 0]
    return torch.from_numpy(parts), torch.from_numpy(smallest).to(affinity.dtype)
