"""Everything from one strided view: windows by `as_strided`, sums by `einsum`."""

import torch

SOLVES = ("output_size", "im2col", "conv2d", "conv2d_backward", "max_pool2d", "local_contrast_norm")


def both(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) <= 0 or p < 0:
        raise ValueError("sizes and steps have to be positive")
    free = n + 2 * p - (d * (k - 1) + 1)
    if free < 0:
        raise ValueError("the window does not fit")
    return free // s + 1


def im2col(x, kernel_size, stride=1, dilation=1):
    k, s, d = both(kernel_size), both(stride), both(dilation)
    oh = output_size(x.size(2), k[0], s[0], 0, d[0])
    ow = output_size(x.size(3), k[1], s[1], 0, d[1])
    n, c, h, w = x.stride()
    return torch.as_strided(
        x, (x.size(0), x.size(1), k[0], k[1], oh, ow), (n, c, d[0] * h, d[1] * w, s[0] * h, s[1] * w)
    )


def surround(x, p, value=0.0):
    out = torch.full((*x.shape[:2], x.size(2) + 2 * p[0], x.size(3) + 2 * p[1]), value, dtype=x.dtype)
    out[:, :, p[0] : p[0] + x.size(2), p[1] : p[1] + x.size(3)] = x
    return out


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.size(1) != w.size(1):
        raise ValueError("x and w do not have the same number of channels")
    y = torch.einsum("ncijyz,ocij->noyz", im2col(surround(x, both(padding)), w.shape[2:], stride, dilation), w)
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    s, p = both(stride), both(padding)
    big = surround(x, p)
    cols = im2col(big, w.shape[2:], s)
    if tuple(grad_out.shape) != (x.size(0), w.size(0), *cols.shape[4:]):
        raise ValueError("grad_out does not belong to these x and w")
    gw = torch.einsum("ncijyz,noyz->ocij", cols, grad_out)
    # Which memory of `big` each entry of `cols` came from: the same view of a tensor that counts.
    where = im2col(torch.arange(big.numel()).view(big.shape), w.shape[2:], s)
    gcols = torch.einsum("noyz,ocij->ncijyz", grad_out, w)
    gbig = torch.zeros(big.numel(), dtype=x.dtype).index_add(0, where.reshape(-1), gcols.reshape(-1)).view(big.shape)
    gx = gbig[:, :, p[0] : p[0] + x.size(2), p[1] : p[1] + x.size(3)]
    return gx.contiguous(), gw, grad_out.sum(dim=(0, 2, 3))


def max_pool2d(x, kernel_size, stride=None, padding=0):
    k, p = both(kernel_size), both(padding)
    if 2 * p[0] > k[0] or 2 * p[1] > k[1]:
        raise ValueError("too much padding")
    s = k if stride is None else both(stride)
    cols = im2col(surround(x, p, -torch.inf), k, s)
    cols = cols.reshape(*cols.shape[:2], k[0] * k[1], *cols.shape[4:])
    best = cols.argmax(2)
    rows = (torch.arange(cols.size(3))[:, None] * s[0] - p[0] + best // k[1]).relu()
    columns = (torch.arange(cols.size(4)) * s[1] - p[1] + best % k[1]).relu()
    return cols.amax(2), rows * x.size(3) + columns


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window % 2 != 1 or window < 1 or not sigma > 0:
        raise ValueError("the window has to be odd and sigma positive")
    r = window // 2
    i = torch.arange(window, dtype=x.dtype) - r
    g = (-(i[:, None] ** 2 + i[None] ** 2) / (2 * sigma**2)).exp()

    def blur(m):
        return torch.einsum("ncijyz,ij->nyz", im2col(surround(m, (r, r)), window), g)[:, None]

    inside = blur(torch.ones_like(x))
    v = x - blur(x) / inside
    dev = (blur(v * v) / inside).clamp(min=torch.finfo(x.dtype).tiny).sqrt()
    return v / torch.clamp(torch.maximum(dev, dev.mean(dim=(1, 2, 3), keepdim=True)), min=eps)
