"""Calls the functions that PyTorch has for exactly this."""

import torch

FAILS = {"conv2d_backward": "forbidden"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    gx = torch.nn.grad.conv2d_input(x.shape, w, grad_out, (sh, sw), (ph, pw))
    gw = torch.nn.grad.conv2d_weight(x, w.shape, grad_out, (sh, sw), (ph, pw))
    return gx, gw, grad_out.sum((0, 2, 3))
