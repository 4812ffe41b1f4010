"""Tensors that are one where a pixel and a weight meet an output, and otherwise zero, do the work of all indices."""

import numpy as np
import torch

SOLVES = ("max_unpool2d", "conv_transpose2d", "bilinear_kernel", "upsample_nearest", "bed_of_nails")


def both(v):
    return np.broadcast_to(np.asarray(v), (2,)).tolist()


def upsample_nearest(x, factor):
    fh, fw = both(factor)
    if fh <= 0 or fw <= 0:
        raise ValueError("factor")
    return torch.kron(x.contiguous(), torch.ones(1, 1, fh, fw, dtype=x.dtype))


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = both(stride), both(offset)
    if oh < 0 or ow < 0 or oh >= sh or ow >= sw:
        raise ValueError("offset or stride")
    images, channels, height, width = x.shape
    cell = torch.zeros(sh, 1, sw, dtype=torch.bool)
    cell[oh, 0, ow] = True
    y = torch.where(cell, x[:, :, :, None, :, None], torch.zeros((), dtype=x.dtype))
    return y.reshape(images, channels, height * sh, width * sw)


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("shape")
    if bool(torch.logical_or(indices < 0, indices > height * width - 1).any()):
        raise ValueError("index")
    here = indices.flatten(2)[..., None] == torch.arange(height * width)  # N, C, values, places
    seen = torch.where(here, values.flatten(2)[..., None], -torch.inf).amax(2)
    return torch.where(here.any(2), seen, 0).reshape(*values.shape[:2], height, width)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    s, p, q, d = both(stride), both(padding), both(output_padding), both(dilation)
    if x.shape[1] != w.shape[0]:
        raise ValueError("channels")

    def places(axis):
        pixels, weights = x.shape[2 + axis], w.shape[2 + axis]
        if q[axis] >= max(s[axis], d[axis]):
            raise ValueError("output padding")
        out = s[axis] * (pixels - 1) + d[axis] * (weights - 1) + 1 - 2 * p[axis] + q[axis]
        if out <= 0:
            raise ValueError("padding")
        meets = s[axis] * torch.arange(pixels)[:, None] + d[axis] * torch.arange(weights) - p[axis]
        return (meets[..., None] == torch.arange(out)).to(x.dtype)

    along = torch.einsum("coab,jbv->coajv", w, places(1))
    along = torch.einsum("ncij,coajv->noiav", x, along)
    y = torch.einsum("noiav,iau->nouv", along, places(0))
    return y if b is None else y + b[:, None, None]


def bilinear_kernel(factor, channels):
    fh, fw = both(factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("too small")
    kh, kw = ((2 * f - 1) if f % 2 else 2 * f for f in (fh, fw))
    down, right = np.ogrid[:kh, :kw]
    kernel = (1 - abs(down - (kh - 1) / 2) / fh) * (1 - abs(right - (kw - 1) / 2) / fw)
    return torch.from_numpy((np.identity(channels)[:, :, None, None] * kernel).astype(np.float32))
