"""Finds the covered pixels by scattering ones, and copies the fill over them."""

import torch

SOLVES = ("occlude", "occlusion_map")


def occlude(x, size, stride=1, fill=0.0):
    def axis(n, half):
        k, s = (v if isinstance(v, int) else v[half] for v in (size, stride))
        if k < 1 or s < 1:
            raise ValueError("at least one pixel")
        if k > n:
            raise ValueError("the square is too large")
        if s > k:
            raise ValueError("the square leaves gaps")
        first = torch.unique(torch.cat([torch.arange(0, n - k + 1, s), torch.full((1,), n - k)]))
        ones = torch.zeros(len(first), n)
        return ones.scatter_(1, first[:, None] + torch.arange(k)[None], 1.0)

    rows, columns = axis(x.shape[-2], 0), axis(x.shape[-1], 1)
    square = torch.einsum("ui,vj->uvij", rows, columns).flatten(0, 1).bool()
    if isinstance(fill, torch.Tensor) and fill.shape != torch.Size([x.shape[1]]):
        raise ValueError("one value for each channel")
    if fill is None:
        fill = x.double().flatten(2).mean(2)
    elif not isinstance(fill, torch.Tensor):
        fill = torch.full((x.shape[1],), float(fill), dtype=torch.float64)
    flat = fill.to(x.dtype).expand(x.shape[0], x.shape[1])[..., None, None].expand_as(x)
    index = square.long()[None, :, None].expand(len(x), -1, x.shape[1], -1, -1)
    both = torch.stack([x, flat], 1)  # images, (as it is, filled), channels, rows, columns
    return both.gather(1, index)


def occlusion_map(base, scores, shape, size, stride=1):
    square = occlude(torch.zeros(1, 1, *shape), size, stride, 1.0)[0, :, 0].flatten(1)
    if base.ndim != 2 or scores.ndim != 3 or scores.shape[0] != base.shape[0]:
        raise ValueError("images")
    if scores.shape[1] != len(square) or scores.shape[2] != base.shape[1]:
        raise ValueError("positions or scores")
    square = square.double()
    weights = square / square.sum(0)
    drops = base.double().unsqueeze(1).sub(scores.double())
    return (drops.mT @ weights).unflatten(-1, tuple(shape)).to(base.dtype)
