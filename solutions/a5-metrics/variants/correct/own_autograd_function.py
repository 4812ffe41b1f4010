"""Gives autograd the gradient of the cross-entropy by hand, and lets one class carry the soft IoU."""

import torch

SOLVES = ("soft_iou_loss", "balanced_cross_entropy")


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, labels, factors):
        top = x.amax(1, keepdim=True)
        e = (x - top).exp()
        z = e.sum(1, keepdim=True)
        ctx.save_for_backward(e / z, labels, factors)
        costs = z.log() + top - x.gather(1, labels[:, None])
        return (costs[:, 0] * factors).sum()

    @staticmethod
    def backward(ctx, upstream):
        p, labels, factors = ctx.saved_tensors
        gradient = p.scatter_add(1, labels[:, None], -torch.ones_like(p[:, :1]))
        return upstream * gradient * factors[:, None], None, None


def labels_of(logits, truth, ignore):
    if logits.ndim != 4 or truth.ndim != 3 or truth.is_floating_point():
        raise ValueError
    if (logits.size(0), logits.size(2), logits.size(3)) != tuple(truth.size()):
        raise ValueError
    truth = truth.long()
    weight = torch.ones_like(truth) if ignore is None else (truth != ignore).long()
    truth = truth * weight
    if ((truth < 0) + (truth > logits.size(1) - 1)).any():
        raise ValueError
    return truth, weight.bool()


def balanced_cross_entropy(logits, truth, weighting="median", ignore=None):
    rules = {"none", "inverse", "median"}
    if weighting not in rules:
        raise ValueError(f"{weighting} is none of {rules}")
    labels, known = labels_of(logits, truth, ignore)
    counts = torch.zeros(labels.shape[0], logits.shape[1], dtype=torch.float64)
    counts.scatter_add_(1, labels.flatten(1), known.flatten(1).double())
    n = counts.sum(0)
    there = n > 0
    weights = torch.ones_like(n)
    if weighting == "inverse":
        weights[there] = n.sum() / (n[there] * n[there].numel())
    if weighting == "median" and there.any():
        seen_in = ((counts > 0) * counts.sum(1, keepdim=True)).sum(0)
        f = n[there] / seen_in[there]
        weights[there] = torch.stack([f.median(), -(-f).median()]).mean() / f
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    x = logits.to(dtype).where(known.unsqueeze(1), torch.zeros((), dtype=dtype))
    factors = (weights[labels] * known / known.sum().clamp(min=1)).to(dtype)
    return CrossEntropy.apply(x, labels, factors[:, None].squeeze(1)).to(logits.dtype)


def soft_iou_loss(logits, truth, ignore=None):
    labels, known = labels_of(logits, truth, ignore)
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    x = torch.where(known.unsqueeze(1), logits.to(dtype), torch.zeros((), dtype=dtype))
    e = torch.exp(x - x.amax(1, keepdim=True))
    p = e / e.sum(1, keepdim=True)
    p = torch.where(known.unsqueeze(1), p, 0.0)
    p_true = p.gather(1, labels[:, None])[:, 0]
    flat = labels.flatten()
    zeros = torch.zeros(logits.shape[1], dtype=dtype)
    both = zeros.scatter_add(0, flat, p_true.flatten())
    size = zeros.scatter_add(0, flat, known.flatten().to(dtype))
    union = p.sum((0, 2, 3)) + size - both
    there = size > 0
    share = there.to(dtype) / there.sum().clamp(min=1)
    safe = torch.where(there, union, 1.0)
    away = share * both / safe**2  # at every pixel, as if it were not of the class
    slope = away.view(1, -1, 1, 1).expand(p.shape).clone()
    slope.scatter_(1, labels[:, None], (-share / safe)[labels][:, None])
    gradient = p * (slope - (p * slope).sum(1, keepdim=True))
    return (share * (1 - both / safe)).sum().to(logits.dtype), gradient.to(logits.dtype)
