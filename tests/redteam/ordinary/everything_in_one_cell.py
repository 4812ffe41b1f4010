"""Solves: output_size, im2col, conv2d, conv2d_backward."""

# %%
import numpy as np
import torch
import torch.nn.functional as F

def _two(v):
    if isinstance(v, int):
        return v, v
    return v[0], v[1]

def _n_out(n, k, s, p, d):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

def output_size(n, k, s=1, p=0, d=1):
    if k <= 0 or s <= 0 or d <= 0: raise ValueError("kernel, stride and dilation must be positive")
    if p < 0: raise ValueError("padding must be non-negative")
    o = _n_out(n, k, s, p, d)
    if o < 1: raise ValueError("there is no window that fits")
    return o

def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = _two(kernel_size)
    sh, sw = _two(stride)
    dh, dw = _two(dilation)
    b, c, h, w = x.shape
    oh = output_size(h, kh, sh, 0, dh)
    ow = output_size(w, kw, sw, 0, dw)
    s0, s1, s2, s3 = x.stride()
    return x.as_strided([b, c, kh, kw, oh, ow], [s0, s1, s2 * dh, s3 * dw, s2 * sh, s3 * sw])

def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("number of channels is different")
    ph, pw = _two(padding)
    xp = F.pad(x, (pw, pw, ph, ph))
    c = im2col(xp, (w.shape[2], w.shape[3]), stride, dilation)
    y = torch.tensordot(c, w, dims=([1, 2, 3], [1, 2, 3])).permute(0, 3, 1, 2)
    return y if b is None else y + b.reshape(1, -1, 1, 1)

def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    sh, sw = _two(stride)
    ph, pw = _two(padding)
    N, C, H, W = x.shape
    O, _, kh, kw = w.shape
    oh, ow = output_size(H, kh, sh, ph), output_size(W, kw, sw, pw)
    if list(grad_out.shape) != [N, O, oh, ow]:
        raise ValueError("shape of grad_out is not the shape of the output")
    xp = F.pad(x, (pw, pw, ph, ph))
    cols = im2col(xp, (kh, kw), (sh, sw))
    gw = torch.tensordot(grad_out, cols, dims=([0, 2, 3], [0, 4, 5]))
    gb = grad_out.sum(3).sum(2).sum(0)
    # put grad_out on a grid with stride-1 zeros, k-1 zeros around it
    big = torch.zeros(N, O, xp.shape[2] + kh - 1, xp.shape[3] + kw - 1, dtype=grad_out.dtype)
    ys = torch.arange(oh) * sh + kh - 1
    xs = torch.arange(ow) * sw + kw - 1
    big[:, :, ys[:, None], xs[None, :]] = grad_out
    gcols = im2col(big, (kh, kw))
    wf = torch.flip(w, [2, 3])
    gx = torch.tensordot(gcols, wf, dims=([1, 2, 3], [0, 2, 3])).permute(0, 3, 1, 2)
    gx = gx[:, :, ph:ph + H, pw:pw + W]
    return gx, gw, gb
