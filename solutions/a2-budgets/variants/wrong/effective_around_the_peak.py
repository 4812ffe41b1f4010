"""Measures the spread around the largest value."""

import torch
import torch.nn.functional as F

FAILS = {"effective_field": "wrong"}
HINT = (
    "You probably measured distances from the largest value: the centre of mass is a weighted mean, which may lie "
    "between pixels."
)


def effective_field(weights):
    n, _, kh, kw = weights.shape
    gradient = weights.new_ones(n, 1, 1)
    for kernel in weights.unbind(1):
        windows = F.pad(gradient, (kw - 1, kw - 1, kh - 1, kh - 1)).unfold(1, kh, 1).unfold(2, kw, 1)
        gradient = torch.einsum("nabij,nij->nab", windows, kernel.flip(1, 2))
    field = gradient.abs()
    return field, torch.stack([deviation(field.sum(2)), deviation(field.sum(1))], 1)


def deviation(profile):
    total = profile.sum(1, keepdim=True)
    share = profile / total.where(total > 0, torch.ones_like(total))
    at = torch.arange(profile.shape[1], dtype=profile.dtype)
    centre = share.argmax(1, keepdim=True)
    return (share * (at - centre) ** 2).sum(1).sqrt()
