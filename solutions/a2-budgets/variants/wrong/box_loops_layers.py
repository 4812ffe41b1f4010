"""Walks from the units down to the image, layer by layer, for all units at once."""

import torch

FAILS = {"field_box": "loops"}
HINT = (
    "You probably went down through the layers one by one: what each of them adds is a term of a sum that can be "
    "written at once."
)


def field_box(units, kernels, strides, paddings, size):
    k, s, p = (torch.as_tensor(v, dtype=torch.int64) for v in (kernels, strides, paddings))
    if not len(k) == len(s) == len(p):
        raise ValueError("lengths differ")
    if (torch.cat([k, s, p + 1]) < 1).any() or size < 1 or (units < 0).any():
        raise ValueError("a number makes no sense")
    first = last = units.long()
    for kernel, stride, padding in zip(k.flip(0).tolist(), s.flip(0).tolist(), p.flip(0).tolist(), strict=True):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    low, high = first.clamp(min=0), last.clamp(max=size - 1)
    empty = (last < 0) | (first >= size)
    clipped = torch.stack([low.masked_fill(empty, 0), high.masked_fill(empty, -1)], -1)
    return torch.stack([first, last], -1), clipped
