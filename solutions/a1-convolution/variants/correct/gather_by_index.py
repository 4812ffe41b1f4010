"""Tables of row and column indices pick every window's pixels out of the image; nothing is strided by hand."""

import torch
import torch.nn.functional as F

SOLVES = ("conv2d", "conv2d_backward", "max_pool2d")


def table(length, k, s, d=1):
    reach = d * (k - 1) + 1
    if length < reach:
        raise ValueError(f"{reach} pixels do not fit into {length}")
    starts = torch.arange(0, length - reach + 1, s)
    return starts[:, None] + d * torch.arange(k)


def each(v):
    return [v, v] if isinstance(v, int) else list(v)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"{x.shape[1]} channels against {w.shape[1]}")
    (sh, sw), (ph, pw), (dh, dw) = each(stride), each(padding), each(dilation)
    padded = F.pad(x, (pw, pw, ph, ph))
    rows = table(padded.shape[2], w.shape[2], sh, dh)
    columns = table(padded.shape[3], w.shape[3], sw, dw)
    seen = padded[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    y = torch.tensordot(seen, w, dims=([1, 4, 5], [1, 2, 3]))
    if b is not None:
        y = y + b
    return y.movedim(-1, 1)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = each(stride), each(padding)
    padded = F.pad(x, (pw, pw, ph, ph))
    rows, columns = table(padded.shape[2], w.shape[2], sh), table(padded.shape[3], w.shape[3], sw)
    if list(grad_out.shape) != [len(x), len(w), len(rows), len(columns)]:
        raise ValueError("shapes do not belong together")
    at = rows[:, None, :, None], columns[None, :, None, :]
    grad_w = torch.tensordot(grad_out, padded[:, :, at[0], at[1]], dims=([0, 2, 3], [0, 2, 3]))
    back = torch.tensordot(grad_out, w, dims=([1], [0]))  # N, Ho, Wo, C, kh, kw
    planes = torch.zeros(*padded.shape[2:], x.shape[0], x.shape[1], dtype=x.dtype)
    planes.index_put_(at, back.permute(1, 2, 4, 5, 0, 3), accumulate=True)
    grad_x = planes.permute(2, 3, 0, 1)[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
    return grad_x, grad_w, grad_out.sum((0, 2, 3))


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = each(kernel_size), each(padding)
    sh, sw = each(stride) if stride is not None else (kh, kw)
    if 2 * ph > kh or 2 * pw > kw:
        raise ValueError("a window could see nothing but padding")
    height, width = x.shape[2:]
    rows, columns = table(height + 2 * ph, kh, sh) - ph, table(width + 2 * pw, kw, sw) - pw
    outside = ((rows < 0) | (rows >= height))[:, None, :, None] | ((columns < 0) | (columns >= width))[None, :, None, :]
    at = rows.clamp(0, height - 1)[:, None, :, None] * width + columns.clamp(0, width - 1)[None, :, None, :]
    seen = x.flatten(2)[:, :, at].masked_fill(outside, float("-inf")).flatten(-2)
    values, first = seen.max(-1)
    flat = at.flatten(-2).expand_as(seen)
    return values, torch.take_along_dim(flat, first[..., None], -1)[..., 0]
