"""Image patches that excite a unit most, cut out by the receptive field that `pixelwise.tracing` computes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelwise.arithmetic import ReceptiveField
from pixelwise.seeing.maps import activations
from pixelwise.tracing import trace


@dataclass(frozen=True)
class Patch:
    """What a unit saw: image `image`, the unit at (`row`, `column`) of its map, the `value` it had, and `pixels`.

    `pixels` (C, r_h, r_w) are those of the receptive field, and `box` is (top, left, bottom, right) of it in the image,
    all inclusive, which may lie outside of the image.
    """

    image: int
    row: int
    column: int
    value: float
    box: tuple[int, int, int, int]
    pixels: Tensor


def patch(image: Tensor, field: ReceptiveField, row: int, column: int, outside: float = 0.0) -> Tensor:
    """Return the pixels of `image` (C, H, W) that the unit at (`row`, `column`) sees: (C, r_h, r_w).

    Places of the field beyond the border of the image, where the layers read padding, hold `outside`.
    """
    top, left, bottom, right = field.box(row, column)
    inside = image[:, max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)]
    above, before = min(max(-top, 0), bottom + 1 - top), min(max(-left, 0), right + 1 - left)
    below, behind = bottom + 1 - top - above - inside.shape[1], right + 1 - left - before - inside.shape[2]
    return F.pad(inside, (before, behind, above, below), value=outside)


def strongest(
    network: nn.Module,
    x: Tensor,
    layer: str,
    channels: Sequence[int],
    count: int = 9,
    shown: Tensor | None = None,
    outside: float = 0.0,
) -> list[list[Patch]]:
    """Return for each of `channels` of `layer` the patches with its `count` largest values on images `x` (N, C, H, W).

    Each image gives at most one, the place where its map is largest. Patches are cut from `shown` where it is given:
    the same images before they were normalised.

    Raises `ValueError` when no window describes what the layer's units see, or a channel is not there.
    """
    field = trace(network, x.shape[1:]).row(layer).receptive_field
    if field is None:
        raise ValueError(f"No window describes what the units of {layer!r} see.")
    maps = torch.cat([activations(network, part, layer) for part in x.split(32)])
    source = x if shown is None else shown
    found = []
    for channel in channels:
        if not 0 <= channel < maps.shape[1]:
            raise ValueError(f"{layer!r} has channels 0 to {maps.shape[1] - 1}, and no channel {channel}.")
        values, places = maps[:, channel].flatten(1).max(dim=1)
        best = []
        for image in values.argsort(descending=True, stable=True)[:count].tolist():
            row, column = divmod(places[image].item(), maps.shape[3])
            pixels = patch(source[image], field, row, column, outside)
            best.append(Patch(image, row, column, values[image].item(), field.box(row, column), pixels))
        found.append(best)
    return found
