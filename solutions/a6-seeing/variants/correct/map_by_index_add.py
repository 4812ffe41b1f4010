"""Adds every drop to all pixels of its square by their numbers."""

import torch

SOLVES = ("occlusion_map",)


def pixels(n, k, s):
    if s < 1 or k < s or n < k:
        raise ValueError
    first = torch.arange(0, n - k + 1, s).tolist()
    first = torch.tensor(first if first[-1] == n - k else [*first, n - k])
    return first.unsqueeze(1) + torch.arange(k)


def occlusion_map(base, scores, shape, size, stride=1):
    size, stride = (v if isinstance(v, (tuple, list)) else (v, v) for v in (size, stride))
    rows, columns = (pixels(*each) for each in zip(shape, size, stride, strict=True))
    places = rows[:, None, :, None] * shape[1] + columns[None, :, None, :]  # u, v, i, j
    if base.ndim != 2 or scores.shape != (base.shape[0], places[:, :, 0, 0].numel(), base.shape[1]):
        raise ValueError
    drops = (base.double()[:, None] - scores.double()).transpose(1, 2)[..., None]
    drops = drops.expand(-1, -1, -1, places[0, 0].numel()).flatten(2)
    index = places.flatten()
    total = torch.zeros(*base.shape, shape[0] * shape[1], dtype=torch.float64).index_add(2, index, drops)
    count = torch.zeros(shape[0] * shape[1], dtype=torch.float64).index_add(0, index, torch.ones(len(index)).double())
    return (total / count).view(*base.shape, *shape).to(base.dtype)
