"""Multiplies with a matrix of zeros and ones."""

import torch

FAILS = {"upsample_nearest": "wrong"}
HINT = (
    "You probably enlarged by a matrix product; think about what zero times infinity is, and which dtypes a "
    "product has."
)


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    _n, _c, h, w = x.shape
    down = torch.eye(h, dtype=torch.float64)[torch.arange(fh * h) // fh]
    right = torch.eye(w, dtype=torch.float64)[torch.arange(fw * w) // fw]
    return (down @ x.double() @ right.T).to(x.dtype)
