"""How good a map is: whether it lies on the object, whether the network needs what it marks, whether it needs weights.

Maps are (N, H, W). Masks (N, H, W) are true on the object.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelwise.seeing.maps import Unit, evaluating, in_parts


def pointing(maps: Tensor, masks: Tensor) -> Tensor:
    """Return for each map whether its largest value lies on the object: 1 or 0, (N,), float32.

    Where several pixels share the largest value it is the share of them that lie on the object, what a draw among them
    would give on average. A constant map hence scores the object's share of the image. There is no tolerance around the
    object (Zhang et al., Top-down neural attention by excitation backprop, 2016, allow 15 pixels).
    """
    _require(maps, masks)
    flat, inside = maps.flatten(1), masks.flatten(1)
    largest = flat == flat.amax(dim=1, keepdim=True)
    return (largest & inside).sum(dim=1) / largest.sum(dim=1)


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive values that lies on the object, (N,), from 0 to 1.

    A map without positive values marks nothing, and scores what a constant map does: the object's share of the image.
    """
    _require(maps, masks)
    positive, inside = maps.flatten(1).clamp(min=0), masks.flatten(1)
    positive = torch.where(positive.amax(dim=1, keepdim=True) > 0, positive, torch.ones_like(positive))
    positive = positive / positive.amax(dim=1, keepdim=True)  # or the sum of small numbers could underflow
    return (positive * inside).sum(dim=1) / positive.sum(dim=1)


def _require(maps: Tensor, masks: Tensor) -> None:
    if maps.ndim != 3 or maps.shape != masks.shape or masks.dtype is not torch.bool:
        raise ValueError(
            f"Maps and masks must both be (N, H, W), masks of bool, not {tuple(maps.shape)} and {tuple(masks.shape)}."
        )


def deletion(
    network: nn.Module,
    x: Tensor,
    unit: Unit,
    maps: Tensor,
    cell: int,
    counts: Sequence[int],
    fill: float | Tensor = 0.0,
) -> Tensor:
    """Return a unit after the cells that a map marks most are hidden: (N, len(counts)).

    The image `x` (N, C, H, W) is cut into cells of `cell`×`cell` pixels, ordered by the sum of the map (N, H, W) in
    them, the largest first (equal ones from top left on). `counts` says how many are hidden, for each column of the
    result; `fill`, a number or a colour (C,), takes their place.

    Raises `ValueError` when the cells do not tile the image.
    """
    count, channels, height, width = x.shape
    if cell < 1 or height % cell or width % cell or maps.shape != (count, height, width):
        raise ValueError(f"Cells of {cell} pixels and maps {tuple(maps.shape)} do not fit images {tuple(x.shape)}.")
    sums = F.avg_pool2d(maps[:, None], cell).flatten(1)
    rank = sums.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    rank = rank.view(count, height // cell, width // cell).repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    colour = torch.as_tensor(fill, dtype=x.dtype, device=x.device).expand(channels)[:, None, None]
    numbers = torch.arange(count, device=x.device)
    with evaluating(network), torch.no_grad():
        columns = []
        for hidden in counts:
            left = torch.where((rank < hidden)[:, None], colour, x)
            columns.append(in_parts(network, left, unit, numbers, 32))
    return torch.stack(columns, dim=1)


def randomised(network: nn.Module, layers: Sequence[str], seed: int = 0) -> nn.Module:
    """Return a copy of the network in which the layers named have random weights and zero biases.

    The weights are drawn from a normal distribution with the standard deviation that the layer's own weights have, so
    that the sizes of activations stay about as they were.

    Source: Adebayo et al., Sanity checks for saliency maps, 2018, randomise from the last layer down. Raises
    `ValueError` for a layer that is not there or has no weights.
    """
    made = copy.deepcopy(network)
    parts = dict(made.named_modules())
    generator = torch.Generator().manual_seed(seed)
    for name in layers:
        weight = getattr(parts.get(name), "weight", None)
        if weight is None:
            raise ValueError(f"The network has no layer {name!r} with weights.")
        drawn = torch.randn(weight.shape, generator=generator) * weight.detach().std().cpu()
        with torch.no_grad():
            weight.copy_(drawn.to(weight))
            if parts[name].bias is not None:
                parts[name].bias.zero_()
    return made


def agreement(maps: Tensor, others: Tensor) -> Tensor:
    """Return Spearman's rank correlation of each map with the other of its image, (N,); NaN where one is constant."""
    one, other = (_ranks(each.flatten(1)) for each in (maps, others))
    one, other = (each - each.mean(dim=1, keepdim=True) for each in (one, other))
    spread = one.square().sum(dim=1).sqrt() * other.square().sum(dim=1).sqrt()
    return torch.where(spread > 0, (one * other).sum(dim=1) / spread, torch.nan).float()


def _ranks(values: Tensor) -> Tensor:
    """Ranks along the last axis, float64; equal values share the mean of theirs."""
    found = []
    for row in values.cpu():
        _, place, times = row.unique(return_inverse=True, return_counts=True)
        last = times.cumsum(0).double()
        found.append((last - (times - 1) / 2)[place])
    return torch.stack(found) if found else values.double()
