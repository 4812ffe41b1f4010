"""`np.apply_along_axis` calls Python for every window."""

import numpy as np
import torch
import torch.nn.functional as F

FAILS = {"max_pool2d": "loops"}


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("kernel, padding and image do not fit together")
    windows = F.pad(x, (pw, pw, ph, ph), value=-torch.inf).unfold(2, kh, sh).unfold(3, kw, sw).flatten(-2)
    if len(x):
        place = torch.from_numpy(np.apply_along_axis(np.argmax, -1, windows.numpy()))
    else:
        place = torch.zeros(windows.shape[:-1], dtype=torch.int64)
    row = (torch.arange(place.shape[2])[:, None] * sh - ph + place // kw).clamp(min=0)
    column = (torch.arange(place.shape[3]) * sw - pw + place % kw).clamp(min=0)
    return windows.amax(-1), row * w + column
