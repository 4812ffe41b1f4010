"""Returns the box twice, without clipping."""

import torch

FAILS = {"field_box": "wrong"}
HINT = "You probably did not clip: the second result ends at the edges of the image."


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
    low, high = first.clamp(min=0), last.clamp(max=size - 1)
    empty = (last < 0) | (first >= size)
    clipped = torch.stack([low.masked_fill(empty, 0), high.masked_fill(empty, -1)], -1)
    clipped = torch.stack([first, last], -1)
    return clipped, clipped
