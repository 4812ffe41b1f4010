"""Lets `F.fold` add the windows back up."""

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
    columns = torch.einsum("nohw,ocij->ncijhw", grad_out, w).flatten(4).flatten(1, 3)
    gx = F.fold(columns, (h, wd), (kh, kw), 1, (ph, pw), (sh, sw))
    return gx, gw, grad_out.sum((0, 2, 3))
