"""RoI align: what a map holds in boxes of any size, resampled to one size."""

import torch
from torch import Tensor


def roi_align(
    maps: Tensor, boxes: Tensor, image: Tensor, size: tuple[int, int], stride: float = 1, samples: int = 2
) -> Tensor:
    """Return the features of B boxes of `maps` (N, C, h, w), each resampled to `size` (rows, columns): (B, C, *size).

    `boxes` (B, 4) are in pixels of the image, of which a unit of the map covers `stride`×`stride`; `image` (B,) says in
    which of the N images each box lies. A box is divided into rows × columns equal bins; a bin holds the mean of
    `samples`×`samples` points spread evenly in it. At a point the value is interpolated bilinearly between the four
    nearest centres of units, unit (i, j) having its centre at ((j + ½)·stride, (i + ½)·stride). Up to half a unit
    outside of the map the units of its border count, and further out the value is 0. There is no rounding, and a
    gradient for the maps and for the boxes.

    Raises `ValueError` when the shapes do not fit, and for a size, a stride or a number of samples that is not above 0.

    Source: He et al., Mask R-CNN, 2017, section 3. They leave open where in a unit its value lies; that it is the
    centre is the convention of later code (torchvision's `aligned=True`), as is the rule for what is outside.
    """
    if maps.ndim != 4 or boxes.ndim != 2 or boxes.shape[1:] != (4,) or image.shape != boxes.shape[:1]:
        raise ValueError(
            f"RoI align needs maps (N, C, h, w), boxes (B, 4) and an image for each (B,), not {tuple(maps.shape)}, "
            f"{tuple(boxes.shape)} and {tuple(image.shape)}."
        )
    if min(*size, stride, samples) <= 0:
        raise ValueError(f"Size, stride and samples are above 0, not {size}, {stride} and {samples}.")
    kind = torch.promote_types(maps.dtype, torch.float32)
    x0, y0, x1, y1 = (boxes.to(kind) / stride - 0.5).unbind(1)  # the centre of unit (i, j) is now at (j, i)
    # Bilinear interpolation of a box is one matrix for its rows and one for its columns.
    down = _resampling(y0, y1, maps.shape[2], size[0], samples)
    across = _resampling(x0, x1, maps.shape[3], size[1], samples)
    return (down[:, None] @ maps[image].to(kind) @ across[:, None].mT).to(maps.dtype)


def _resampling(first: Tensor, last: Tensor, length: int, bins: int, samples: int) -> Tensor:
    """Return the weight of each unit of an axis in each bin between `first` and `last` (B,): (B, bins, length)."""
    steps = (torch.arange(bins * samples, device=first.device, dtype=first.dtype) + 0.5) / (bins * samples)
    place = first[:, None] + (last - first)[:, None] * steps
    inside = (place >= -1) & (place <= length)
    place = place.clamp(0, length - 1)
    units = torch.arange(length, device=first.device)
    low = place.detach().floor().long().clamp(0, max(length - 2, 0))[..., None]
    high = (low + 1).clamp(max=length - 1)
    share = place[..., None] - low
    weights = ((1 - share) * (units == low) + share * (units == high)) * inside[..., None]
    return weights.unflatten(1, (bins, samples)).mean(2)
