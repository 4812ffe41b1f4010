"""A transposed convolution gives the image's gradient, and is forbidden with the others."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d_backward": "forbidden"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    windows = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    gw = torch.einsum("nohw,nchwij->ocij", grad_out, windows)
    full = F.conv_transpose2d(grad_out, w, stride=(sh, sw))
    big = F.pad(full, (0, wd + 2 * pw - full.shape[3], 0, h + 2 * ph - full.shape[2]))
    return big[:, :, ph : ph + h, pw : pw + wd], gw, grad_out.sum((0, 2, 3))
