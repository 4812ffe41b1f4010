"""Writes the whole matrix of the two-dimensional layer down and multiplies with its transpose; sizes by `divmod`."""

import torch

SOLVES = ("convolution_matrix", "conv_transpose2d", "bilinear_kernel", "upsample_nearest", "bed_of_nails")


def twice(v):
    return tuple(v) if hasattr(v, "__len__") else (v, v)


def upsample_nearest(x, factor):
    fh, fw = twice(factor)
    if not (fh >= 1 and fw >= 1):
        raise ValueError(f"{factor}")
    tall = torch.stack((x,) * 1, 3).broadcast_to(*x.shape[:3], 1, x.shape[3])
    tall = tall.broadcast_to(*x.shape[:3], fh, x.shape[3]).flatten(2, 3)
    return tall.unsqueeze(-1).broadcast_to(*tall.shape, fw).flatten(3, 4)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = twice(stride), twice(offset)
    if oh not in range(sh) or ow not in range(sw):
        raise ValueError(f"{offset} is not in {stride}")
    n, c, h, w = x.shape
    tall = torch.cat([x.new_zeros(n, c, h, oh, w), x[:, :, :, None], x.new_zeros(n, c, h, sh - 1 - oh, w)], 3)
    tall = tall.reshape(n, c, h * sh, w, 1)
    left, right = x.new_zeros(n, c, h * sh, w, ow), x.new_zeros(n, c, h * sh, w, sw - 1 - ow)
    return torch.cat([left, tall, right], 4).reshape(n, c, h * sh, w * sw)


def taps(small, large, k, s, p, d):
    """Which weight joins each of ``small`` samples with each of ``large`` ones; k where none does."""
    t = torch.arange(large) + p - s * torch.arange(small)[:, None]
    t, rest = t // d, t % d
    return torch.where((rest == 0) & (t >= 0) & (t < k), t, k)


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    if padding < 0 or stride < 1 or dilation < 1:
        raise ValueError("parameters")
    m = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    if m < 1:
        raise ValueError("it does not fit")
    with_zero = torch.cat([kernel, kernel.new_zeros(outputs, inputs, 1)], 2)
    return with_zero[:, :, taps(m, n, k, stride, padding, dilation)].movedim(1, 2).flatten(2, 3).flatten(0, 1)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    s, p, q, d = twice(stride), twice(padding), twice(output_padding), twice(dilation)
    inputs, outputs, *k = w.shape
    if x.shape[1] != inputs:
        raise ValueError("channels")
    if q[0] >= max(s[0], d[0]) or q[1] >= max(s[1], d[1]):
        raise ValueError("output padding")
    sizes = x.shape[2:]
    large = [s[i] * (sizes[i] - 1) + d[i] * (k[i] - 1) + 1 - 2 * p[i] + q[i] for i in (0, 1)]
    if min(large) < 1:
        raise ValueError("nothing is left")
    down, right = (taps(sizes[i], large[i], k[i], s[i], p[i], d[i]) for i in (0, 1))
    ring = torch.nn.functional.pad(w, (0, 1, 0, 1))
    matrix = ring[:, :, down[:, None, :, None], right[None, :, None, :]]  # C_in, C_out, H, W, H_out, W_out
    rows = matrix.permute(0, 2, 3, 1, 4, 5).reshape(inputs * sizes[0] * sizes[1], outputs * large[0] * large[1])
    y = (x.reshape(x.shape[0], rows.shape[0]) @ rows).view(x.shape[0], outputs, *large)
    return y if b is None else torch.add(y, b.view(1, outputs, 1, 1))


def bilinear_kernel(factor, channels):
    factors = twice(factor)
    if min(*factors, channels) < 1:
        raise ValueError("too small")

    def rise(f):
        k = 2 * f - f % 2
        up = (torch.arange(k) + (1.0 if f % 2 else 0.5)) / f
        return torch.minimum(up, up.flip(0))

    kernel = rise(factors[0]).unsqueeze(1) @ rise(factors[1]).unsqueeze(0)
    return torch.diag_embed(kernel.expand(channels, -1, -1).permute(1, 2, 0)).permute(2, 3, 0, 1)
