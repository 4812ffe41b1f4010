"""One stack after another."""

import torch
import torch.nn.functional as F

FAILS = {"effective_field": "loops"}
HINT = (
    "You probably went through the stacks one by one: a convolution with one group for each stack treats all of "
    "them at once."
)


def effective_field(weights):
    n, layers, kh, kw = weights.shape
    field = weights.new_ones(n, layers * (kh - 1) + 1, layers * (kw - 1) + 1)
    for stack in range(n):
        y = weights.new_ones(1, 1, 1, 1)
        for layer in range(layers):
            y = F.conv_transpose2d(y, weights[stack, layer][None, None])
        field[stack] = y[0, 0].abs()
    return field, torch.stack([deviation(field.sum(2)), deviation(field.sum(1))], 1)


def deviation(profile):
    total = profile.sum(1, keepdim=True)
    share = profile / total.where(total > 0, torch.ones_like(total))
    at = torch.arange(profile.shape[1], dtype=profile.dtype)
    centre = (share * at).sum(1, keepdim=True)
    return (share * (at - centre) ** 2).sum(1).sqrt()
