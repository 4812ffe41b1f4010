"""Writes the fill through tables of indices."""

import torch

SOLVES = ("occlude",)


def two(value):
    return [value, value] if isinstance(value, int) else list(value)


def occlude(x, size, stride=1, fill=0.0):
    places = []
    for n, k, s in zip(x.shape[2:], two(size), two(stride), strict=True):
        if k > n or k < 1 or s < 1 or s > k:
            raise ValueError
        first = torch.arange(0, n - k + 1, s)
        if (n - k) % s:
            first = torch.cat([first, torch.tensor([n - k])])
        places.append(first[:, None] + torch.arange(k))
    images, channels = x.shape[:2]
    if isinstance(fill, torch.Tensor) and tuple(fill.shape) != (channels,):
        raise ValueError
    rows, columns = places
    count = len(rows) * len(columns)
    out = x.unsqueeze(1).repeat(1, count, 1, 1, 1)
    number = torch.arange(count).view(len(rows), len(columns), 1, 1)
    index = number, rows[:, None, :, None], columns[None, :, None, :]
    view = out.permute(1, 3, 4, 0, 2)  # positions, rows, columns, images, channels
    if fill is None:
        value = x.to(torch.float64).mean(dim=(-1, -2)).to(x.dtype)
    else:
        value = torch.as_tensor(fill, dtype=x.dtype).expand(images, channels)
    view[index] = value
    return out
