"""Adds up one shifted map for each weight."""

import torch

FAILS = {"conv_transpose2d": "loops"}
HINT = (
    "You probably go through the weights of the kernel; an operator that adds at repeated indices takes all "
    "products at once."
)


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
    y = x.new_zeros(x.shape[0], w.shape[1], rows, columns)
    for i in range(kh):
        for j in range(kw):
            end = i * dh + sh * (h - 1) + 1, j * dw + sw * (wd - 1) + 1
            y[:, :, i * dh : end[0] : sh, j * dw : end[1] : sw] += torch.einsum("ncij,co->noij", x, w[:, :, i, j])
    y = y[:, :, ph : rows - ph, pw : columns - pw]
    return y if b is None else y + b[:, None, None]
