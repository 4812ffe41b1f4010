"""Moves the classes to the front, so that each has one long row of pixels."""

import torch
import torch.nn.functional as F

SOLVES = ("soft_iou_loss", "balanced_cross_entropy")


def prepared(logits, truth, ignore):
    if logits.ndim != 4 or tuple(truth.shape) != (logits.shape[0], logits.shape[2], logits.shape[3]):
        raise ValueError("shapes")
    if torch.is_floating_point(truth):
        raise ValueError("dtype")
    t = truth.to(torch.int64)
    void = torch.zeros_like(t, dtype=torch.bool) if ignore is None else torch.eq(t, ignore)
    t = t.masked_fill(void, 0)
    if torch.any(t < 0) or torch.any(t >= logits.shape[1]):
        raise ValueError("labels")
    x = logits.double() if logits.dtype == torch.float64 else logits.float()
    x = x.masked_fill(void.unsqueeze(1), 0.0).transpose(0, 1).flatten(1)
    y = F.one_hot(t, logits.shape[1]).masked_fill(void.unsqueeze(-1), 0)
    return x, y, ~void.flatten()


def soft_iou_loss(logits, truth, ignore=None):
    x, y, known = prepared(logits, truth, ignore)
    y = y.flatten(0, 2).T.to(x.dtype)
    p = torch.softmax(x, 0) * known
    size = y.sum(1, keepdim=True)
    share = (size > 0).to(x.dtype) / (size > 0).sum().clamp(min=1)
    inner = (p * y).sum(1, keepdim=True)
    outer = (p * (1 - y)).sum(1, keepdim=True) + size
    outer = torch.where(size > 0, outer, 1.0)
    quotient = inner / outer
    slope = share * (quotient * (1 - y) - y) / outer
    gradient = p * (slope - (p * slope).sum(0))
    shape = (logits.shape[1], logits.shape[0], *logits.shape[2:])
    loss = (share * (1 - quotient)).sum()
    return [loss.to(logits.dtype), gradient.reshape(shape).transpose(0, 1).to(logits.dtype)]


def balanced_cross_entropy(logits, truth, weighting="median", ignore=None):
    x, y, known = prepared(logits, truth, ignore)
    of_image = y.sum((1, 2)).double()
    n = of_image.sum(0)
    match weighting:
        case "none":
            w = torch.ones_like(n)
        case "inverse":
            w = n.sum() / ((n > 0).sum() * n)
        case "median":
            f = (n / torch.einsum("nk,n->k", (of_image > 0).double(), of_image.sum(1))).sort().values
            there = int((n > 0).sum())  # NaN, of absent classes, are sorted last
            f_of = n / torch.einsum("nk,n->k", (of_image > 0).double(), of_image.sum(1))
            w = f[max(there - 1, 0) // 2 : there // 2 + 1].mean() / f_of
        case _:
            raise ValueError("weighting")
    w = torch.where(n > 0, w, 0.0).to(x.dtype)
    labels = y.flatten(0, 2).argmax(1)
    top = x.max(0).values.detach()
    minus_log_p = torch.log((x - top).exp().sum(0)) + top - x.gather(0, labels[None])[0]
    total = torch.where(known, minus_log_p * w[labels], 0.0).sum()
    return (total / known.sum().clamp(min=1)).to(logits.dtype)
