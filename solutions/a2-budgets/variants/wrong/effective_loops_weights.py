"""Adds up shifted maps, one for each weight of the kernel."""

import torch
import torch.nn.functional as F

FAILS = {"effective_field": "loops"}
HINT = "You probably added one shifted map for each weight: the shifts are a convolution, which one call makes."


def effective_field(weights):
    n, _, kh, kw = weights.shape
    gradient = weights.new_ones(n, 1, 1)
    for kernel in weights.unbind(1):
        shifted = [
            F.pad(gradient * kernel[:, i : i + 1, j : j + 1], (j, kw - 1 - j, i, kh - 1 - i))
            for i in range(kh)
            for j in range(kw)
        ]
        gradient = torch.stack(shifted).sum(0)
    field = gradient.abs()
    return field, torch.stack([deviation(field.sum(2)), deviation(field.sum(1))], 1)


def deviation(profile):
    total = profile.sum(1, keepdim=True)
    share = profile / total.where(total > 0, torch.ones_like(total))
    at = torch.arange(profile.shape[1], dtype=profile.dtype)
    centre = (share * at).sum(1, keepdim=True)
    return (share * (at - centre) ** 2).sum(1).sqrt()
