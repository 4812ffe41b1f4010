"""Computes with numbers that make no sense."""

import torch

FAILS = {"field_box": "wrong"}
HINT = "You probably checked the lengths only: numbers without a meaning are refused too."


def field_box(units, kernels, strides, paddings, size):
    k, s, p = (torch.as_tensor(v, dtype=torch.int64) for v in (kernels, strides, paddings))
    if not len(k) == len(s) == len(p):
        raise ValueError("lengths differ")
    jumps = s.cumprod(0)
    before = torch.cat([s[:1] * 0 + 1, jumps[:-1]])
    first = units.long() * s.prod() - (p * before).sum()
    last = first + ((k - 1) * before).sum()
    low, high = first.clamp(min=0), last.clamp(max=size - 1)
    empty = (last < 0) | (first >= size)
    clipped = torch.stack([low.masked_fill(empty, 0), high.masked_fill(empty, -1)], -1)
    return torch.stack([first, last], -1), clipped
