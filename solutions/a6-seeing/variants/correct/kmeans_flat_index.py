"""One long list of pixels and one of clusters, numbered through all images."""

import torch

SOLVES = ("kmeans_step",)


def kmeans_step(features, centres):
    if features.ndim != 3 or centres.ndim != 3 or features.shape[0] != centres.shape[0]:
        raise ValueError("images")
    if features.shape[2] != centres.shape[2]:
        raise ValueError("features")
    images, clusters, depth = centres.shape
    if clusters == 0:
        raise ValueError("clusters")
    pixels = features.shape[1]
    exact = torch.float64
    x, c = features.to(exact), centres.to(exact)
    squares = ((x[:, :, None] - c[:, None]) ** 2).sum(3)
    least, labels = torch.min(squares, dim=2)
    number = (labels + clusters * torch.arange(images)[:, None]).reshape(-1)
    count = torch.bincount(number, minlength=images * clusters)
    total = torch.zeros(images * clusters, depth, dtype=exact).index_add_(0, number, x.reshape(-1, depth))
    new = torch.where(count[:, None] > 0, total / count[:, None].clamp(min=1), c.reshape(-1, depth))
    empty = (count == 0).view(images, clusters)
    rank = torch.where(empty, empty.cumsum(1) - 1, pixels)
    order = torch.argsort(least, dim=1, descending=True, stable=True) + pixels * torch.arange(images)[:, None]
    takes = (rank < pixels).reshape(-1)
    source = order.flatten()[(rank + pixels * torch.arange(images)[:, None]).reshape(-1)[takes]]
    new[takes] = x.reshape(-1, depth)[source]
    cost = least.sum(1) / pixels if pixels else least.sum(1)
    return labels, new.view(images, clusters, depth).to(features.dtype), cost.to(features.dtype)
