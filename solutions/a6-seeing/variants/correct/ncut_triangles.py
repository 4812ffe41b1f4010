"""The matrix of the random walk made symmetric, and the cut as a sum over a corner of the matrix."""

import torch

SOLVES = ("normalised_cut",)


def normalised_cut(affinity):
    if affinity.dim() != 3:
        raise ValueError("three axes")
    count, n, m = affinity.shape
    if n != m or n < 2:
        raise ValueError("square, and two vertices")
    w = affinity.to(torch.float64)
    if bool(torch.isnan(w).any()) or bool(torch.isinf(w).any()) or bool((w < 0).any()) or not torch.equal(w, w.mT):
        raise ValueError("entries")
    d = w @ torch.ones(n, 1, dtype=w.dtype)
    if bool((d <= 0).any()):
        raise ValueError("degree")
    similarity = w / torch.sqrt(d @ d.mT)
    _, vectors = torch.linalg.eigh(-similarity)
    y = vectors[..., 1] / d[..., 0].sqrt()
    order = torch.sort(y, dim=1, descending=True).indices
    graph = torch.arange(count)[:, None, None]
    sorted_w = w[graph, order[:, :, None], order[:, None, :]]
    # Sum over rows below t and columns from t on: cumulative sums from the left upper and right lower sides.
    corner = sorted_w.cumsum(1).flip(2).cumsum(2).flip(2)
    cut = corner.diagonal(offset=1, dim1=1, dim2=2)
    volume = torch.cumsum(d[..., 0].gather(1, order), 1)
    left = volume[:, : n - 1]
    right = d[..., 0].gather(1, order).flip(1).cumsum(1).flip(1)[:, 1:]
    cost = cut * (left.reciprocal() + right.reciprocal())
    at = cost.argmin(dim=1, keepdim=True)
    parts = torch.zeros(count, n, dtype=torch.bool).scatter(1, order, torch.arange(n) > at)
    flip = parts[:, 0].clone().unsqueeze(1)
    return torch.logical_xor(parts, flip), cost.gather(1, at).squeeze(1).to(affinity.dtype)
