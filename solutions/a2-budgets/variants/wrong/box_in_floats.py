"""Computes the box in floating point around its centre."""

import torch

FAILS = {"field_box": "wrong"}
HINT = "You probably computed the centre in floating point: large whole numbers lose their last digits there."


def field_box(units, kernels, strides, paddings, size):
    k, s, p = (torch.as_tensor(v, dtype=torch.int64) for v in (kernels, strides, paddings))
    if not len(k) == len(s) == len(p):
        raise ValueError("lengths differ")
    if (torch.cat([k, s, p + 1]) < 1).any() or size < 1 or (units < 0).any():
        raise ValueError("a number makes no sense")
    jumps = s.cumprod(0)
    before = jumps // s
    reach = ((k - 1) * before).sum().double() / 2
    centre = units.double() * s.prod().double() + reach - (p * before).sum()
    first, last = (centre - reach).round().long(), (centre + reach).round().long()
    low, high = first.clamp(min=0), last.clamp(max=size - 1)
    empty = (last < 0) | (first >= size)
    clipped = torch.stack([low.masked_fill(empty, 0), high.masked_fill(empty, -1)], -1)
    return torch.stack([first, last], -1), clipped
