"""One function for each step of the text."""

import torch

SOLVES = ("kmeans_step",)


def nearest(x, c):
    squares = torch.einsum("npkd,npkd->npk", *[x.unsqueeze(2) - c.unsqueeze(1)] * 2)
    least = squares.amin(2, keepdim=True)
    first = torch.arange(c.shape[1]).expand_as(squares).masked_fill(squares > least, c.shape[1])
    return first.amin(2), least.squeeze(2)


def averaged(x, labels, clusters):
    member = (labels.unsqueeze(1) == torch.arange(clusters).view(1, -1, 1)).type_as(x)
    count = member.sum(2, keepdim=True)
    return torch.bmm(member, x) / torch.where(count == 0, torch.ones_like(count), count), count.squeeze(2) == 0


def offered(x, least):
    # How many pixels come before a pixel: those farther away, and those as far with a lower index.
    p = torch.arange(x.shape[1])
    before = (least.unsqueeze(1) > least.unsqueeze(2)) | ((least.unsqueeze(1) == least.unsqueeze(2)) & (p < p[:, None]))
    return before.sum(2)


def relocated(x, c, empty, place):
    wanted = empty.long().cumsum(1) - 1
    match = (wanted.unsqueeze(2) == place.unsqueeze(1)) & empty.unsqueeze(2)
    there = torch.bmm(match.type_as(x), x)
    return torch.where(match.any(2, keepdim=True), there, c)


def kmeans_step(features, centres):
    if features.ndim != 3 or centres.ndim != 3:
        raise ValueError("three axes")
    if len(features) != len(centres) or features.shape[-1] != centres.shape[-1] or centres.shape[1] == 0:
        raise ValueError("shapes")
    kind = torch.float64 if features.dtype == torch.float64 else torch.float32
    x, c = features.to(kind), centres.to(kind)
    labels, least = nearest(x, c)
    means, empty = averaged(x, labels, c.shape[1])
    new = torch.where(empty[..., None], relocated(x, c, empty, offered(x, least)), means)
    cost = least.sum(1) / len(x[0]) if x.shape[0] and x.shape[1] else least.sum(1)
    return labels, new.to(features.dtype), cost.to(features.dtype)
