"""Clamps both ends, so that a field in the padding sees the pixel at the edge."""

import torch

FAILS = {"field_box": "wrong"}
HINT = (
    "You probably clamped both ends between the first and the last pixel: a field that lies outside then seems to "
    "see the pixel at the edge."
)


def field_box(units, kernels, strides, paddings, size):
    k, s, p = (torch.as_tensor(v, dtype=torch.int64) for v in (kernels, strides, paddings))
    if not len(k) == len(s) == len(p):
        raise ValueError("lengths differ")
    if (torch.cat([k, s, p + 1]) < 1).any() or size < 1 or (units < 0).any():
        raise ValueError("a number makes no sense")
    jumps = s.cumprod(0)
    before = jumps // s
    first = units.long() * s.prod() - (p * before).sum()
    last = first + ((k - 1) * before).sum()
    low, high = first.clamp(0, size - 1), last.clamp(0, size - 1)
    empty = torch.zeros_like(first, dtype=torch.bool)
    clipped = torch.stack([low.masked_fill(empty, 0), high.masked_fill(empty, -1)], -1)
    return torch.stack([first, last], -1), clipped
