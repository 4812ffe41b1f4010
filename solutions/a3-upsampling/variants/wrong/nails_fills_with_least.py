"""Puts the smallest value where zeros should be."""

import torch

FAILS = {"bed_of_nails": "wrong"}
HINT = (
    "You probably filled the other places with something that is not zero; look at what `new_empty` or "
    "`empty_like` hold."
)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_full((n, c, sh * h, sw * w), True if x.dtype == torch.bool else 1)
    y[:, :, oh::sh, ow::sw] = x
    return y
