"""Accepts negative affinities."""

import torch

FAILS = {"normalised_cut": "wrong"}
HINT = "A negative affinity should be refused."


def normalised_cut(affinity):
    if affinity.ndim != 3 or affinity.shape[1] != affinity.shape[2] or affinity.shape[1] < 2:
        raise ValueError(f"affinities should have the shape (N, n, n) with n at least 2, not {tuple(affinity.shape)}")
    w = affinity.double()
    if not (w.isfinite() & (w == w.mT)).all():
        raise ValueError("affinities should be finite, not negative, and symmetric")
    degree = w.sum(2)
    if not (degree > 0).all():
        raise ValueError("a vertex has the degree 0")
    root = degree.rsqrt()
    laplacian = torch.eye(w.shape[1], dtype=w.dtype) - root[:, :, None] * w * root[:, None]
    y = torch.linalg.eigh(laplacian).eigenvectors[:, :, 1] * root

    order = y.argsort(1)
    arranged = w.gather(1, order[:, :, None].expand_as(w)).gather(2, order[:, None].expand_as(w))
    # Of the first t vertices: what they are attached to, and what lies between two of them.
    volume = degree.gather(1, order).cumsum(1)
    within = arranged.cumsum(1).cumsum(2).diagonal(dim1=1, dim2=2)
    first, rest = volume[:, :-1], volume[:, -1:] - volume[:, :-1]
    cut = first - within[:, :-1]
    cost, last = (cut / first + cut / rest).min(1)
    parts = order.argsort(1) > last[:, None]
    return parts != parts[:, :1], cost.to(affinity.dtype)
