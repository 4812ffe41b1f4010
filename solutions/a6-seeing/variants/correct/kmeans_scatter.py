"""Adds features up by index, and hands pixels to empty clusters by a table of ranks."""

import torch

SOLVES = ("kmeans_step",)


def kmeans_step(features, centres):
    if features.dim() != 3 or centres.dim() != 3 or not centres.size(1):
        raise ValueError
    if features.shape[::2] != centres.shape[::2]:
        raise ValueError
    n, p, d = features.shape
    k = centres.size(1)
    x, c = features.double(), centres.double()
    table = torch.zeros(n, p, k, dtype=torch.float64)
    table = table + (x.unsqueeze(2) - c.unsqueeze(1)).pow(2).sum(-1)
    labels = table.argmin(-1)
    least = table.gather(2, labels[..., None])[..., 0]
    total = torch.zeros_like(c).scatter_add(1, labels[..., None].expand(n, p, d), x)
    count = torch.zeros(n, k).scatter_add(1, labels, torch.ones(n, p))
    new = total / count[..., None]
    image, cluster = (count == 0).nonzero(as_tuple=True)
    place = (count == 0).long().cumsum(1)[image, cluster] - 1
    enough = place < p
    _, order = torch.sort(-least, dim=1, stable=True)
    new[image, cluster] = c[image, cluster]
    image, cluster, place = image[enough], cluster[enough], place[enough]
    new[image, cluster] = x[image, order[image, place]]
    return labels, new.to(features.dtype), (least.sum(1) / (p or 1)).to(features.dtype)
