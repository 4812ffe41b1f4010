"""Solves: output_size, im2col.

Loops: conv2d, conv2d_backward.
"""

# %%
import torch
import torch.nn.functional as F
import math

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1:
        raise ValueError("the kernel size must be at least 1")
    if s < 1:
        raise ValueError("the stride must be at least 1")
    if d < 1:
        raise ValueError("the dilation must be at least 1")
    if p < 0:
        raise ValueError("the padding must not be negative")
    effective = d * (k - 1) + 1
    padded = n + 2 * p
    if padded < effective:
        raise ValueError("the kernel is larger than the padded input")
    return 1 + (padded - effective) // s

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size); sh, sw = pair(stride); dh, dw = pair(dilation)
    N, C, H, W = x.shape
    Ho = output_size(H, kh, sh, 0, dh)
    Wo = output_size(W, kw, sw, 0, dw)
    a, b, c, d = x.stride()
    return torch.as_strided(x, size=(N, C, kh, kw, Ho, Wo), stride=(a, b, c * dh, d * dw, c * sh, d * sw))

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    # sum over kernel positions of shifted images (only kh*kw iterations)
    if x.size(1) != w.size(1):
        raise ValueError("x and w must have the same number of channels")
    sh, sw = pair(stride); ph, pw = pair(padding); dh, dw = pair(dilation)
    kh, kw = w.shape[2:]
    Ho = output_size(x.size(2), kh, sh, ph, dh)
    Wo = output_size(x.size(3), kw, sw, pw, dw)
    x = F.pad(x, (pw, pw, ph, ph))
    out = torch.zeros(x.size(0), w.size(0), Ho, Wo, dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            shifted = x[:, :, i * dh : i * dh + (Ho - 1) * sh + 1 : sh, j * dw : j * dw + (Wo - 1) * sw + 1 : sw]
            out = out + torch.einsum("nchw,oc->nohw", shifted, w[:, :, i, j])
    if b is not None:
        out = out + b.view(1, -1, 1, 1)
    return out

# %%
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    sh, sw = pair(stride); ph, pw = pair(padding)
    kh, kw = w.shape[2:]
    Ho = output_size(x.size(2), kh, sh, ph)
    Wo = output_size(x.size(3), kw, sw, pw)
    if grad_out.shape != (x.size(0), w.size(0), Ho, Wo):
        raise ValueError("grad_out has the wrong shape")
    xp = F.pad(x, (pw, pw, ph, ph))
    gxp = torch.zeros_like(xp)
    gw = torch.zeros_like(w)
    for i in range(kh):
        for j in range(kw):
            hs = slice(i, i + (Ho - 1) * sh + 1, sh)
            ws = slice(j, j + (Wo - 1) * sw + 1, sw)
            gw[:, :, i, j] = torch.einsum("nohw,nchw->oc", grad_out, xp[:, :, hs, ws])
            gxp[:, :, hs, ws] += torch.einsum("nohw,oc->nchw", grad_out, w[:, :, i, j])
    gx = gxp[:, :, ph : ph + x.size(2), pw : pw + x.size(3)]
    return gx, gw, grad_out.sum((0, 2, 3))
