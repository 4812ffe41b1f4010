"""Gives float32 whatever came in."""

import torch

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably made the result without telling its dtype; look at what `torch.zeros` gives when nobody tells it."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    y = torch.zeros(n, c, fh * h, fw * w)
    y.view(n, c, h, fh, w, fw)[:] = x[:, :, :, None, :, None]
    return y
