"""Puts the pixels that count into the rows of one table, and works on that."""

import torch

SOLVES = ("soft_iou_loss", "balanced_cross_entropy")


def rows_of(logits, truth, ignore):
    if logits.dim() != 4 or truth.dim() != 3 or logits.shape[:1] + logits.shape[2:] != truth.shape:
        raise ValueError("logits and truth do not fit")
    if truth.is_floating_point():
        raise ValueError("labels should be whole numbers")
    flat = truth.reshape(-1).long()
    keep = torch.ones(flat.shape, dtype=torch.bool) if ignore is None else flat != ignore
    chosen = keep.nonzero().squeeze(1)
    labels = flat[chosen]
    if ((labels < 0) | (labels >= logits.shape[1])).any():
        raise ValueError("a label is no class")
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, chosen), labels, chosen


def soft_iou_loss(logits, truth, ignore=None):
    x, labels, chosen = rows_of(logits, truth, ignore)
    p = torch.softmax(x, dim=1)
    y = torch.zeros_like(p).scatter(1, labels[:, None], 1.0)
    there = y.sum(0) > 0
    classes = int(there.sum())
    gradient = torch.zeros(truth.numel(), logits.shape[1], dtype=x.dtype)
    loss = torch.zeros((), dtype=x.dtype)
    if classes:
        both = torch.einsum("pk,pk->k", p, y)
        union = p.sum(0) + y.sum(0) - both
        loss = ((union - both) / union)[there].sum() / classes
        slope = torch.where(y > 0, -1 / union, both / union**2).where(there, 0) / classes
        gradient[chosen] = p * slope - p * torch.einsum("pk,pk->p", p, slope)[:, None]
    shape = (logits.shape[0], *logits.shape[2:], logits.shape[1])
    return loss.to(logits.dtype), gradient.view(shape).permute(0, 3, 1, 2).to(logits.dtype)


def balanced_cross_entropy(logits, truth, weighting="median", ignore=None):
    if weighting not in ("none", "inverse", "median"):
        raise ValueError("no such weighting")
    x, labels, chosen = rows_of(logits, truth, ignore)
    if not len(labels):
        return x.sum().to(logits.dtype)
    classes = logits.shape[1]
    image = chosen // (truth.shape[1] * truth.shape[2])
    table = torch.zeros(len(truth) * classes, dtype=torch.float64)
    table = table.index_add(0, image * classes + labels, torch.ones(len(labels), dtype=torch.float64))
    table = table.view(-1, classes)
    n = table.sum(0)
    there = n > 0
    if weighting == "none":
        w = torch.ones(classes, dtype=torch.float64)
    elif weighting == "inverse":
        w = len(labels) / there.sum() / n
    else:
        f = n / ((table > 0).double() * table.sum(1, keepdim=True)).sum(0)
        w = torch.quantile(f[there], 0.5) / f
    # Relative to the true logit: its own difference is 0, so the largest is never less.
    apart = x - x.gather(1, labels[:, None])
    largest = apart.amax(1)
    costs = largest + torch.log(torch.exp(apart - largest[:, None]).sum(1))
    return (torch.mean(costs * w[labels].to(x.dtype))).to(logits.dtype)
