"""Adds the products up with F.fold."""

import torch
import torch.nn.functional as F

FAILS = {"conv_transpose2d": "forbidden"}
HINT = "You called F.fold; add the products up at their places yourself."


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    parameters = (stride, padding, output_padding, dilation)
    (sh, sw), (ph, pw), (qh, qw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in parameters)
    if x.shape[1] != w.shape[0]:
        raise ValueError("channels disagree")
    if qh >= max(sh, dh) or qw >= max(sw, dw):
        raise ValueError("the output padding is too large")
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    rows, columns = sh * (h - 1) + dh * (kh - 1) + 1 + qh, sw * (wd - 1) + dw * (kw - 1) + 1 + qw
    if rows - 2 * ph < 1 or columns - 2 * pw < 1:
        raise ValueError("no output is left")
    products = torch.einsum("ncij,coab->noaibj", x, w)
    flat = products.permute(0, 1, 2, 4, 3, 5).reshape(x.shape[0], w.shape[1] * kh * kw, h * wd)
    y = F.fold(flat, (rows - qh, columns - qw), (kh, kw), (dh, dw), 0, (sh, sw))
    y = F.pad(y, (0, qw, 0, qh))[:, :, ph : rows - ph, pw : columns - pw]
    return y if b is None else y + b[:, None, None]
