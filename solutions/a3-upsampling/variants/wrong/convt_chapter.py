"""Puts zeros between the pixels and calls F.conv2d, as the chapter does."""

import torch.nn.functional as F

FAILS = {"conv_transpose2d": "forbidden"}
HINT = "You called a convolution; slide the kernel by windows and products of your own."


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
    z = x.new_zeros(*x.shape[:2], sh * (h - 1) + 1, sw * (wd - 1) + 1)
    z[:, :, ::sh, ::sw] = x
    down, right = dh * (kh - 1) - ph, dw * (kw - 1) - pw
    z = F.pad(z, (right, right + qw, down, down + qh))
    return F.conv2d(z, w.flip(2, 3).transpose(0, 1), b, dilation=(dh, dw))
