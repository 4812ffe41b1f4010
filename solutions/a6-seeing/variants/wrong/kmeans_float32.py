"""Computes in float32 throughout."""

import torch
import torch.nn.functional as F

FAILS = {"kmeans_step": "wrong"}
HINT = "In float64 something passes through float32 on the way."


def kmeans_step(features, centres):
    if features.ndim != 3 or centres.ndim != 3 or features.shape[0] != centres.shape[0]:
        raise ValueError(f"features {tuple(features.shape)} and centres {tuple(centres.shape)} are of other images")
    if features.shape[2] != centres.shape[2] or centres.shape[1] == 0:
        raise ValueError(f"centres {tuple(centres.shape)} do not fit features {tuple(features.shape)}")
    wide = torch.float32
    x, c = features.to(wide), centres.to(wide)
    squares, labels = (x[:, :, None] - c[:, None]).square().sum(3).min(2)
    pixels, clusters = x.shape[1], c.shape[1]
    member = F.one_hot(labels, clusters).to(wide)
    counts = member.sum(1)[..., None]
    means = torch.einsum("npk,npd->nkd", member, x) / counts.clamp(min=1)
    # The pixels in the order in which empty clusters take them; those that find none take their own centre.
    order = squares.argsort(dim=1, descending=True, stable=True)
    offered = torch.cat([x.gather(1, order[..., None].expand_as(x)), c], 1)
    rank = (counts == 0).cumsum(1) - 1
    own = pixels + torch.arange(clusters)[:, None]
    taken = torch.where(rank < pixels, rank.clamp(min=0), own)
    moved = offered.gather(1, taken.expand_as(c))
    cost = squares.sum(1) / max(pixels, 1)
    return labels, torch.where(counts > 0, means, moved).to(features.dtype), cost.to(features.dtype)
