"""Covers by two comparisons per axis of a table of beginnings, with masked_fill and lerp-free sums."""

import torch

SOLVES = ("occlude", "occlusion_map")


class Square:
    def __init__(self, n, k, s):
        if not (1 <= k <= n and 1 <= s <= k):
            raise ValueError(f"{k} by {s} over {n}")
        steps = 1 + (n - k + s - 1) // s
        self.first = torch.minimum(torch.arange(steps) * s, torch.tensor(n - k))
        self.mask = (torch.arange(n) >= self.first.unsqueeze(1)).logical_and(
            torch.arange(n) <= self.first.unsqueeze(1) + (k - 1)
        )


def occlude(x, size, stride=1, fill=0.0):
    k = (size, size) if isinstance(size, int) else size
    s = (stride, stride) if isinstance(stride, int) else stride
    down, right = Square(x.size(2), k[0], s[0]), Square(x.size(3), k[1], s[1])
    shape = x.size(0), len(down.mask), len(right.mask), *x.shape[1:]
    cover = down.mask.view(1, -1, 1, 1, x.size(2), 1) & right.mask.view(1, 1, -1, 1, 1, x.size(3))
    batch = x[:, None, None].expand(shape)
    if fill is None:
        filler = x.mean((2, 3), dtype=torch.promote_types(x.dtype, torch.float32)).type_as(x)
        filler = filler[:, None, None, :, None, None].expand(shape)
    elif torch.is_tensor(fill):
        if fill.ndim != 1 or fill.numel() != x.size(1):
            raise ValueError("fill")
        filler = fill.type_as(x)[None, None, None, :, None, None].expand(shape)
    else:
        return batch.masked_fill(cover, fill).flatten(1, 2)
    return torch.where(cover, filler, batch).flatten(1, 2)


def occlusion_map(base, scores, shape, size, stride=1):
    k = (size, size) if isinstance(size, int) else size
    s = (stride, stride) if isinstance(stride, int) else stride
    down, right = Square(shape[0], k[0], s[0]), Square(shape[1], k[1], s[1])
    n_down, n_right = len(down.first), len(right.first)
    if base.dim() != 2 or list(scores.shape) != [base.size(0), n_down * n_right, base.size(1)]:
        raise ValueError("shapes")
    # One axis after the other: the mean over a rectangle of positions is a mean of means.
    kind = torch.float64 if base.dtype == torch.float64 else torch.float32
    means = scores.to(kind).unflatten(1, (n_down, n_right))
    vertical = down.mask.to(kind)
    vertical = vertical / vertical.sum(0)
    horizontal = right.mask.to(kind)
    horizontal = horizontal / horizontal.sum(0)
    drops = base.to(kind)[:, None, None] - means
    by_rows = torch.tensordot(drops, vertical, ([1], [0]))  # images, columns of squares, scores, rows
    return torch.tensordot(by_rows, horizontal, ([1], [0])).to(base.dtype)
