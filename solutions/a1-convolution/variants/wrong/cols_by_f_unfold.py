"""Lets `F.unfold` do it, which is what was asked for by another name, and copies."""

import torch

FAILS = {"im2col": "forbidden"}


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, dilation))
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError("the window does not fit")
    columns = getattr(torch.nn.functional, "un" + "fold")(x.double(), (kh, kw), (dh, dw), 0, (sh, sw))
    return columns.view(*x.shape[:2], kh, kw, oh, ow).to(x.dtype)
