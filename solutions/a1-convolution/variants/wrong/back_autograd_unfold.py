"""Lets autograd go back through a loop-free forward pass."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d_backward": "forbidden"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
    windows = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    y = torch.einsum("nchwij,ocij->nohw", windows, w)
    gx, gw = torch.autograd.grad(y, (x, w), grad_out)
    return gx, gw, grad_out.sum((0, 2, 3))
