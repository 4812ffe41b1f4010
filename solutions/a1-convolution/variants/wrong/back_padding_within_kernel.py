"""Takes no padding that is wider than the kernel, which it says can see nothing but zeros."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d_backward": "error"}


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding))
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wd + 2 * pw - kw) // sw + 1
    if ph >= kh or pw >= kw or grad_out.shape != (x.shape[0], w.shape[0], oh, ow):
        raise ValueError("grad_out has not the shape of the output")
    windows = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    gw = torch.einsum("nohw,nchwij->ocij", grad_out, windows)
    spread = grad_out.new_zeros(len(x), len(w), h + 2 * ph + kh - 1, wd + 2 * pw + kw - 1)
    spread[:, :, kh - 1 :: sh, kw - 1 :: sw][:, :, :oh, :ow] = grad_out
    slid = spread.unfold(2, kh, 1).unfold(3, kw, 1)
    gx = torch.einsum("nohwij,ocij->nchw", slid, w.flip(2, 3))
    gx = gx[:, :, ph : ph + h, pw : pw + wd]
    gb = grad_out.sum((0, 2, 3))
    return gx, gw, gb
