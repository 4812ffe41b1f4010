"""Lets autograd go back through `as_strided`, whose way back has no operator of its own."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d_backward": "forbidden"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    padded = F.pad(x, (pw, pw, ph, ph))
    n, c, r, t = padded.stride()
    windows = padded.as_strided((*x.shape[:2], kh, kw, oh, ow), (n, c, r, t, sh * r, sw * t))
    torch.einsum("ncijyz,ocij->noyz", windows, w).backward(grad_out)
    return x.grad, w.grad, grad_out.sum((0, 2, 3))
