"""Every place has its index: tables of them gather, put and add, and nothing is viewed in another shape."""

import torch

SOLVES = (
    "upsample_nearest", "bed_of_nails", "max_unpool2d", "convolution_matrix", "conv_transpose2d", "bilinear_kernel",
)  # fmt: skip


def each(v):
    return [v, v] if isinstance(v, int) else list(v)


def upsample_nearest(x, factor):
    fh, fw = each(factor)
    if min(fh, fw) < 1:
        raise ValueError("a block has at least one pixel")
    rows = torch.arange(x.shape[2] * fh).div(fh, rounding_mode="floor")
    columns = torch.arange(x.shape[3] * fw).div(fw, rounding_mode="floor")
    return x[:, :, rows[:, None], columns[None, :]]


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = each(stride), each(offset)
    if min(sh, sw) < 1 or min(oh, ow) < 0 or oh >= sh or ow >= sw:
        raise ValueError("no such cell")
    rows, columns = torch.arange(x.shape[2]) * sh + oh, torch.arange(x.shape[3]) * sw + ow
    y = torch.zeros(x.shape[0], x.shape[1], x.shape[2] * sh, x.shape[3] * sw, dtype=x.dtype)
    y[:, :, rows[:, None], columns[None, :]] = x
    return y


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if tuple(values.shape) != tuple(indices.shape):
        raise ValueError("each value needs an index")
    if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= height * width):
        raise ValueError("an index points out of the plane")
    images, channels = values.shape[:2]
    # One long row of all planes, so that a place is one number.
    plane = torch.arange(images * channels)[:, None] * (height * width)
    at = (indices.reshape(images * channels, values.shape[2] * values.shape[3]) + plane).reshape(-1)
    row = torch.zeros(images * channels * height * width, dtype=values.dtype)
    row = row.scatter_reduce(0, at, values.reshape(-1), "amax", include_self=False)
    return row.reshape(images, channels, height, width)


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    if stride < 1 or dilation < 1 or padding < 0 or dilation * (k - 1) + 1 > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    rows, taps = torch.meshgrid(torch.arange(m), torch.arange(k), indexing="ij")
    columns = rows * stride + taps * dilation - padding
    inside = (columns >= 0) & (columns < n)
    matrix = torch.zeros(outputs, inputs, m, n, dtype=kernel.dtype)
    matrix[:, :, rows[inside], columns[inside]] = kernel[:, :, taps[inside]]
    return matrix.permute(0, 2, 1, 3).reshape(outputs * m, inputs * n)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    (sh, sw), (ph, pw), (qh, qw), (dh, dw) = map(each, (stride, padding, output_padding, dilation))
    (height, width), (kh, kw) = x.shape[2:], w.shape[2:]
    if x.shape[1] != w.shape[0] or (qh >= sh and qh >= dh) or (qw >= sw and qw >= dw):
        raise ValueError("the parameters do not fit together")
    rows, columns = sh * (height - 1) + dh * (kh - 1) + 1 + qh, sw * (width - 1) + dw * (kw - 1) + 1 + qw
    if rows <= 2 * ph or columns <= 2 * pw:
        raise ValueError("nothing is left")
    down = torch.arange(height)[:, None] * sh + torch.arange(kh) * dh
    right = torch.arange(width)[:, None] * sw + torch.arange(kw) * dw
    stamps = torch.tensordot(x, w, dims=([1], [0])).permute(1, 4, 2, 5, 0, 3)  # H, kh, W, kw, N, C_out
    y = torch.zeros(rows, columns, x.shape[0], w.shape[1], dtype=x.dtype)
    y = y.index_put((down[:, :, None, None], right[None, None]), stamps, accumulate=True)
    y = y.permute(2, 3, 0, 1)[:, :, ph : rows - ph, pw : columns - pw]
    return y if b is None else y + b.reshape(-1, 1, 1)


def bilinear_kernel(factor, channels):
    fh, fw = each(factor)
    if min(fh, fw, channels) < 1:
        raise ValueError("at least one of each")
    kh, kw = 2 * fh - fh % 2, 2 * fw - fw % 2
    down = 1 - (2 * torch.arange(kh) - (kh - 1)).abs() / (2 * fh)
    right = 1 - (2 * torch.arange(kw) - (kw - 1)).abs() / (2 * fw)
    weights = torch.zeros(channels, channels, kh, kw)
    weights[torch.arange(channels), torch.arange(channels)] = down[:, None] * right
    return weights
