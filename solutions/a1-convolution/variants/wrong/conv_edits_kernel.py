"""Flips the kernel in place to sum from the end, and leaves it so."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d": "error"}


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    rows, columns = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if x.shape[1] != w.shape[1] or rows > x.shape[2] + 2 * ph or columns > x.shape[3] + 2 * pw:
        raise ValueError("image and kernel do not fit together")
    padded = F.pad(x, (pw, pw, ph, ph))
    windows = padded.unfold(2, rows, sh).unfold(3, columns, sw)[..., ::dh, ::dw]
    w.detach().copy_(w.detach().flip(1).clone())
    y = torch.einsum("nchwij,ocij->nohw", windows.flip(1), w)
    return y if b is None else y + b[:, None, None]
