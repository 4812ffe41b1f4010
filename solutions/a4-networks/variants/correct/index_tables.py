"""Everything by its index: tables of numbers gather what a kernel, a map or a window needs."""

import torch
import torch.nn.functional as F

SOLVES = ("convolutionalise", "fcn8s", "dilated_conv2d")


def both(v):
    return [v, v] if isinstance(v, int) else list(v)


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = both(window)
    if (order != "chw" and order != "hwc") or weight.shape[1] % (h * w) != 0:
        raise ValueError("no such layer")
    channels = weight.shape[1] // (h * w)
    for values, length in ((bias, weight.shape[0]), (mean, channels), (std, channels)):
        if values is not None and len(values) != length:
            raise ValueError(f"{len(values)} instead of {length}")
    number = torch.arange(channels * h * w)
    number = number.view(channels, h, w) if order == "chw" else number.view(h, w, channels).permute(2, 0, 1)
    # Each entry of a row belongs to a channel; what is to be done is done in the row, and laid out at the end.
    channel = torch.empty(channels * h * w, dtype=torch.long)
    channel[number.flatten()] = torch.arange(channels).repeat_interleave(h * w)
    row = weight if std is None else weight / std[channel]
    total = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias.clone()
    if mean is not None:
        total = total - row @ mean[channel]
    return torch.take_along_dim(row, number.reshape(1, -1), 1).reshape(-1, channels, h, w), total


def shared(n, m, offset):
    """The rows of a map of n, and those of one of m, that are the same place."""
    mine = torch.arange(n)
    there = mine + offset
    kept = (there >= 0) & (there < m)
    return mine[kept], there[kept]


def fcn8s(s32, s16, s8, kernels, size, offsets=(5, 9, -31)):
    if s32.shape[:2] != s16.shape[:2] or s16.shape[:2] != s8.shape[:2]:
        raise ValueError("the maps do not belong together")

    def fuse(coarse, finer, kernel, offset):
        coarse = F.conv_transpose2d(coarse, kernel, None, 2)
        rows, their_rows = shared(coarse.shape[2], finer.shape[2], both(offset)[0])
        columns, their_columns = shared(coarse.shape[3], finer.shape[3], both(offset)[1])
        if rows.numel() * columns.numel() == 0:
            raise ValueError("nothing in common")
        return coarse[:, :, rows[:, None], columns] + finer[:, :, their_rows[:, None], their_columns]

    scores = fuse(fuse(s32, s16, kernels[0], offsets[0]), s8, kernels[1], offsets[1])
    scores = F.conv_transpose2d(scores, kernels[2], None, 8)
    rows, pixels = shared(scores.shape[2], size[0], both(offsets[2])[0])
    columns, others = shared(scores.shape[3], size[1], both(offsets[2])[1])
    if len(pixels) < size[0] or len(others) < size[1]:
        raise ValueError("a pixel has no score")
    return scores.index_select(2, rows).index_select(3, columns)


def dilated_conv2d(x, w, dilations=1):
    n, c, height, width = x.shape
    o, cw, kh, kw = w.shape
    if c != cw:
        raise ValueError("channels")
    if torch.is_tensor(dilations):
        if tuple(dilations.shape) != (o, 2):
            raise ValueError("a pair for each output channel")
        down, right = dilations.long().unbind(1)
    else:
        down, right = (torch.full((o,), d) for d in both(dilations))
    if (down <= 0).any() or (right <= 0).any():
        raise ValueError("a dilation is at least one")
    # A pixel's number along the plane; for what is outside that of a zero which stands behind the last pixel.
    rows = torch.arange(height)[:, None] + down[:, None, None] * torch.arange(kh)
    rows = rows - (down * (kh - 1) // 2)[:, None, None]
    columns = torch.arange(width)[:, None] + right[:, None, None] * torch.arange(kw)
    columns = columns - (right * (kw - 1) // 2)[:, None, None]
    rows, columns = rows[:, :, None, :, None], columns[:, None, :, None, :]  # O, H, W, kh, kw
    number = torch.where(
        (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width), rows * width + columns, height * width
    )
    planes = torch.cat([x.reshape(n, c, height * width), x.new_zeros(n, c, 1)], 2)
    pixels = planes.index_select(2, number.flatten()).reshape(n, c, o, height * width, kh * kw)
    return torch.einsum("ncopk,ock->nop", pixels, w.flatten(2)).reshape(n, o, height, width)
