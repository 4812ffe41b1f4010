"""Lets PyTorch guess an axis of a batch that may be empty."""

import torch

FAILS = {"conv_transpose2d": "error"}
HINT = "You probably wrote -1 in a shape; think about a batch of no images."


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
    down = dh * torch.arange(kh)[:, None] + sh * torch.arange(h)
    right = dw * torch.arange(kw)[:, None] + sw * torch.arange(wd)
    at = (down[:, :, None, None] * columns + right).expand(products.shape).flatten(2)
    y = x.new_zeros(*products.shape[:2], rows * columns).scatter_add(2, at, products.flatten(2))
    y = y.view(x.shape[0], -1, rows, columns)[:, :, ph : rows - ph, pw : columns - pw]
    return y if b is None else y + b[:, None, None]
