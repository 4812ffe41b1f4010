"""Covers the caller's own image for good."""

import torch

FAILS = {"occlude": "wrong"}
HINT = "Look at the caller's image after your function has run."


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def occlude(x, size, stride=1, fill=0.0):
    def covered(n: int, k: int, s: int) -> torch.Tensor:
        if not 1 <= s <= k <= n:
            raise ValueError(f"a square of {k} pixels cannot move by {s} over {n} pixels")
        first = (torch.arange(-(-(n - k) // s) + 1) * s).clamp(max=n - k)
        pixels = torch.arange(n) - first[:, None]
        return (pixels >= 0) & (pixels < k)

    (kh, kw), (sh, sw) = pair(size), pair(stride)
    rows, columns = covered(x.shape[2], kh, sh), covered(x.shape[3], kw, sw)
    if fill is None:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        fill = wide.mean((2, 3)).to(x.dtype)[:, None, :, None, None]
    elif isinstance(fill, torch.Tensor):
        if fill.shape != x.shape[1:2]:
            raise ValueError(f"fill has shape {tuple(fill.shape)}, and the image has {x.shape[1]} channels")
        fill = fill.to(x.dtype)[:, None, None]
    square = (rows[:, None, :, None] & columns[:, None, :]).flatten(0, 1)
    out = torch.where(square[:, None], fill, x[:, None])
    if x.is_contiguous():
        x[:, :, :kh, :kw] = out[:, 0, :, :kh, :kw]
    return out
