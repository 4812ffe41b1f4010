"""Marks what is −∞ in the image that it was given, where nothing has to be padded."""

import torch
import torch.nn.functional as F

FAILS = {"max_pool2d": "error"}


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("kernel, padding and image do not fit together")
    padded = F.pad(x, (pw, pw, ph, ph), value=-torch.inf) if ph or pw else x
    padded.clamp_(min=torch.finfo(x.dtype).min)
    windows = padded.unfold(2, kh, sh).unfold(3, kw, sw).flatten(-2)
    values, place = windows.max(-1)
    row = (torch.arange(values.shape[2])[:, None] * sh - ph + place // kw).clamp(min=0)
    column = (torch.arange(values.shape[3]) * sw - pw + place % kw).clamp(min=0)
    return values, row * w + column
