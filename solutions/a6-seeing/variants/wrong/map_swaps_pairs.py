"""Takes sizes and strides as (horizontal, vertical)."""

import torch

FAILS = {"occlusion_map": "error"}
HINT = "A pair may be read the wrong way round: which half belongs to the rows?"


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def occlusion_map(base, scores, shape, size, stride=1):
    def covered(n: int, k: int, s: int) -> torch.Tensor:
        if not 1 <= s <= k <= n:
            raise ValueError(f"a square of {k} pixels cannot move by {s} over {n} pixels")
        first = (torch.arange(-(-(n - k) // s) + 1) * s).clamp(max=n - k)
        pixels = torch.arange(n) - first[:, None]
        return (pixels >= 0) & (pixels < k)

    (height, width), (kw, kh), (sw, sh) = shape, pair(size), pair(stride)
    wide = torch.promote_types(base.dtype, torch.float32)
    rows, columns = covered(height, kh, sh).to(wide), covered(width, kw, sw).to(wide)
    positions = len(rows) * len(columns)
    if base.ndim != 2 or scores.shape != (base.shape[0], positions, base.shape[1]):
        raise ValueError(f"{positions} positions and base {tuple(base.shape)}, but scores {tuple(scores.shape)}")
    drops = (base.to(wide)[:, None] - scores.to(wide)).unflatten(1, (len(rows), len(columns)))
    total = torch.einsum("nuvk,uy,vx->nkyx", drops, rows, columns)
    return (total / torch.outer(rows.sum(0), columns.sum(0))).to(base.dtype)
