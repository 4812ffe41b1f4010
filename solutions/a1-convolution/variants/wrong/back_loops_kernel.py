"""Adds the gradient to a shifted slice of the image for each weight of the kernel."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d_backward": "loops"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    windows = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    gw = torch.einsum("nohw,nchwij->ocij", grad_out, windows)
    big = F.pad(torch.zeros_like(x), (pw, pw, ph, ph))
    for i in range(kh):
        for j in range(kw):
            big[:, :, i::sh, j::sw][:, :, :oh, :ow] += torch.einsum("nohw,oc->nchw", grad_out, w[:, :, i, j])
    return big[:, :, ph : ph + h, pw : pw + wd], gw, grad_out.sum((0, 2, 3))
