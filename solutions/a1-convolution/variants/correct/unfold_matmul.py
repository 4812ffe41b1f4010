"""`Tensor.unfold` makes the windows, reshapes make matrices of them, and one matrix product does the work."""

import math

import torch
import torch.nn.functional as F

SOLVES = ("output_size", "im2col", "conv2d", "conv2d_backward", "max_pool2d")


def two(v):
    return (v, v) if isinstance(v, int) else (v[0], v[1])


def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError(f"cannot place windows with k={k}, s={s}, p={p}, d={d}")
    count = len(range(0, n + 2 * p - d * (k - 1), s))
    if count == 0:
        raise ValueError("no window fits")
    return count


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = two(kernel_size), two(stride), two(dilation)
    reach_h, reach_w = dh * (kh - 1) + 1, dw * (kw - 1) + 1
    if reach_h > x.shape[2] or reach_w > x.shape[3]:
        raise ValueError("the window is larger than the image")
    return x.unfold(2, reach_h, sh).unfold(3, reach_w, sw)[..., ::dh, ::dw].permute(0, 1, 4, 5, 2, 3)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("channels differ")
    ph, pw = two(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), tuple(w.shape[2:]), stride, dilation)
    n, c, kh, kw, oh, ow = cols.shape
    y = w.reshape(w.shape[0], c * kh * kw) @ cols.reshape(n, c * kh * kw, oh * ow)
    if b is not None:
        y = y + b[:, None]
    return y.view(n, w.shape[0], oh, ow)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = two(stride), two(padding)
    co, c, kh, kw = w.shape
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), (kh, kw), (sh, sw))
    n, oh, ow = x.shape[0], cols.shape[4], cols.shape[5]
    if grad_out.shape != (n, co, oh, ow):
        raise ValueError("grad_out has the wrong shape")
    rows = grad_out.permute(1, 0, 2, 3).reshape(co, n * oh * ow)
    gw = (rows @ cols.permute(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, c * kh * kw)).view(co, c, kh, kw)
    # A strided layer is a dense one whose other outputs were thrown away; their gradient is zero.
    dense = grad_out.new_zeros(n, co, x.shape[2] + 2 * ph - kh + 1, x.shape[3] + 2 * pw - kw + 1)
    dense[:, :, ::sh, ::sw][:, :, :oh, :ow] = grad_out
    gx = conv2d(dense, w.flip(-1, -2).transpose(0, 1), padding=(kh - 1, kw - 1))
    gx = gx[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
    return gx, gw, rows.sum(1)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = two(kernel_size), two(padding)
    sh, sw = two(kernel_size if stride is None else stride)
    if ph > kh / 2 or pw > kw / 2:
        raise ValueError("padding should be at most half of the kernel")
    h, w = x.shape[2:]
    padded = F.pad(x, [pw, pw, ph, ph], value=-math.inf)
    cols = im2col(padded, (kh, kw), (sh, sw)).flatten(2, 3)
    top = cols.amax(2, keepdim=True)
    number = F.pad(torch.arange(h * w).reshape(1, 1, h, w), [pw, pw, ph, ph], value=-1)
    numbers = im2col(number, (kh, kw), (sh, sw)).flatten(2, 3).expand(cols.shape)
    place = ((cols == top) & (numbers >= 0)).to(torch.uint8).argmax(2)
    return top.squeeze(2), numbers.gather(2, place.unsqueeze(2)).squeeze(2)
