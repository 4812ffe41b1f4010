"""Builds the map row by row."""

import torch

FAILS = {"upsample_nearest": "loops"}
HINT = "You probably go through the rows one after the other; a single indexing takes them all."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    _n, _c, h, w = x.shape
    columns = torch.arange(fw * w) // fw
    return torch.stack([x[:, :, row // fh][..., columns] for row in range(fh * h)], 2)
