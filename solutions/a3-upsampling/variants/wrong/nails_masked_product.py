"""Enlarges by copying and multiplies with a mask."""

import torch

FAILS = {"bed_of_nails": "wrong"}
HINT = "You probably multiply with zero where zeros should be; think about what zero times infinity is."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    big = x[:, :, :, None, :, None].expand(-1, -1, -1, sh, -1, sw).reshape(n, c, sh * h, sw * w)
    mask = torch.zeros(sh * h, sw * w).to(x.dtype)
    mask[oh::sh, ow::sw] = 1
    return big * mask
