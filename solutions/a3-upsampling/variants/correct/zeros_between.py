"""Zeros are put in front, behind and between, and windows slide over what comes of it."""

import torch
import torch.nn.functional as F

SOLVES = ("upsample_nearest", "bed_of_nails", "max_unpool2d", "convolution_matrix", "conv_transpose2d")


def two(v):
    return v if isinstance(v, tuple) else (v, v)


def upsample_nearest(x, factor):
    fh, fw = two(factor)
    if fh < 1 or fw < 1:
        raise ValueError("the factor is too small")
    n, c, h, w = x.shape
    return x.reshape(n, c, h, 1, w, 1).repeat(1, 1, 1, fh, 1, fw).view(n, c, h * fh, w * fw)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = two(stride), two(offset)
    if not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset should be inside of its cell")
    cells = F.pad(x[:, :, :, None, :, None], (ow, sw - 1 - ow, 0, 0, oh, sh - 1 - oh))
    return cells.flatten(4, 5).flatten(2, 3)


def max_unpool2d(values, indices, output_size):
    if values.shape != indices.shape:
        raise ValueError("shapes differ")
    area = output_size[0] * output_size[1]
    if torch.any(indices < 0) or torch.any(indices >= area):
        raise ValueError("index out of the plane")
    # Sorted by value and then, keeping this order, by place: the last one of each place is its largest.
    v, at = values.flatten(2), indices.flatten(2)
    v, order = v.sort(dim=-1, stable=True)
    at, again = at.gather(-1, order).sort(dim=-1, stable=True)
    v = v.gather(-1, again)
    following = F.pad(at[..., 1:], (0, 1), value=-1)
    # Whatever is not the last goes to a place behind the plane, which is cut off.
    at = torch.where(at == following, area, at)
    y = v.new_zeros(*v.shape[:2], area + 1).scatter(-1, at, v)
    return y[..., :area].unflatten(-1, tuple(output_size))


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    if min(stride, dilation) < 1 or padding < 0:
        raise ValueError("a parameter is too small")
    reach, width = dilation * (k - 1) + 1, n + 2 * padding
    if reach > width:
        raise ValueError("the kernel is too long")
    m = (width - reach) // stride + 1
    spread = F.pad(kernel[..., None], (0, dilation - 1)).flatten(2)[..., :reach]
    # Rows that are a stride too long, one after the other, drift to the right when they are cut at their true length.
    rows = F.pad(spread, (0, width + stride - reach))[:, :, None].expand(-1, -1, m, -1).flatten(2)
    padded = rows[..., : m * width].unflatten(2, (m, width))
    return padded[..., padding : padding + n].transpose(1, 2).reshape(outputs * m, inputs * n)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    (sh, sw), (ph, pw), (qh, qw), (dh, dw) = two(stride), two(padding), two(output_padding), two(dilation)
    (h, wd), (kh, kw) = x.shape[2:], w.shape[2:]
    if x.shape[1] != w.shape[0]:
        raise ValueError("channels")
    if max(sh, dh) <= qh or max(sw, dw) <= qw:
        raise ValueError("output padding")
    reach = dh * (kh - 1), dw * (kw - 1)
    rows, columns = (h - 1) * sh + reach[0] + 1 - 2 * ph + qh, (wd - 1) * sw + reach[1] + 1 - 2 * pw + qw
    if rows < 1 or columns < 1:
        raise ValueError("padding")
    z = bed_of_nails(x, (sh, sw))[:, :, : sh * (h - 1) + 1, : sw * (wd - 1) + 1]
    # Negative padding crops.
    z = F.pad(z, (reach[1] - pw, reach[1] - pw + qw, reach[0] - ph, reach[0] - ph + qh))
    windows = z.unfold(2, reach[0] + 1, 1).unfold(3, reach[1] + 1, 1)[..., ::dh, ::dw]
    y = torch.einsum("ncuvij,coij->nouv", windows, w.flip(2, 3))
    return y if b is None else y + b[None, :, None, None]
