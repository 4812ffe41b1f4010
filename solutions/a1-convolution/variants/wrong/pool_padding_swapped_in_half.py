"""Compares the padding of each axis with half of the other axis's kernel."""

import torch
import torch.nn.functional as F

FAILS = {"max_pool2d": "error"}


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    h, w = x.shape[2:]
    if 2 * pw > kh or 2 * ph > kw or kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("kernel, padding and image do not fit together")
    windows = F.pad(x, (pw, pw, ph, ph), value=-torch.inf).unfold(2, kh, sh).unfold(3, kw, sw).flatten(-2)
    values, place = windows.max(-1)
    row = (torch.arange(values.shape[2])[:, None] * sh - ph + place // kw).clamp(min=0)
    column = (torch.arange(values.shape[3]) * sw - pw + place % kw).clamp(min=0)
    return values, row * w + column
