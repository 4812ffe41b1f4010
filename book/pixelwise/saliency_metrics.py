"""How good is a saliency map? Scores of where people look.

    correlation(saliency, density), nss(saliency, fixations), auc_judd(saliency, fixations)   # (N,) each

A saliency map holds any real numbers. The truth is a *density*, a map of how likely a pixel is looked at, or
*fixations*: truth values, or how many fixations each pixel has. Several fixations of a pixel count once, since the
published programs work on masks. All maps are (N, H, W).

Scores are float64, one for each image. A score that nothing defines is NaN: of an image without a fixation, or of a
constant map, for the scores that divide by a map's spread. `nanmean()` takes the mean over the rest.
"""

from typing import Literal

import torch
from torch import Tensor

Thresholds = Literal["all", "fixated"]


def correlation(saliency: Tensor, density: Tensor) -> Tensor:
    """Return CC, Pearson's correlation of two maps over the pixels of each image: (N,), from −1 to 1.

    Scaling a map by a positive factor or adding a constant to it changes nothing. NaN where either map is constant.

    Raises `ValueError`, as all scores of saliency do, when shapes differ or are not (N, H, W), and for NaN or ±∞.

    Source: for this, SIM and NSS, Bylinskii et al., What do different evaluation metrics tell us about saliency
    models?, 2019.
    """
    first, second = (_standardised(each) for each in _maps(saliency, density))
    return (first * second).mean(-1)


def similarity(saliency: Tensor, density: Tensor, normalisation: Literal["sum", "range"] = "sum") -> Tensor:
    """Return SIM, Σ min(s, d) of two maps that are made to sum to 1: (N,), 1 for equal maps and 0 for disjoint ones.

    `normalisation` "sum" divides each map by its sum, as the paper writes; "range" subtracts the map's minimum before,
    as the program of the MIT saliency benchmark does, and gives maps that are nowhere 0 another score. NaN for a map
    whose sum is then 0.

    Raises `ValueError` for another normalisation and, under "sum", for negative values.
    """
    maps = _maps(saliency, density)
    if normalisation == "range":
        maps = tuple(each - each.amin(-1, keepdim=True) for each in maps)
    elif normalisation != "sum":
        raise ValueError(f"normalisation={normalisation!r} is no way to make maps sum to 1: use sum or range.")
    elif any((each < 0).any() for each in maps):
        raise ValueError("A map with negative values is no distribution: use normalisation='range', or exp.")
    first, second = (each / each.sum(-1, keepdim=True) for each in maps)
    return torch.minimum(first, second).sum(-1)


def nss(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Return NSS, the mean at the fixated pixels of the map with mean 0 and standard deviation 1: (N,).

    The standard deviation divides by the number of pixels; programs that divide by one less give a score that is
    smaller by a factor of √(1 − 1/P). NaN for a constant map and without fixations.

    Raises `ValueError` as `correlation` does, and when `fixations` are neither truth values nor counts.
    """
    values, fixated = _maps(saliency, fixations, fixations=True)
    return (_standardised(values) * fixated).sum(-1) / fixated.sum(-1)


def auc_judd(saliency: Tensor, fixations: Tensor, thresholds: Thresholds = "all") -> Tensor:
    """Return the area under the ROC curve that tells the fixated pixels of an image from all its others: (N,).

    - Thresholds "all" are all values of the map. The area is then the probability that a fixated pixel has a larger
      value than one that is not, where equal values count one half.
    - "fixated", which is Judd's, are the values at fixated pixels only, with straight lines between their points. It
      is never smaller, and where no two values are equal larger by at most 1 in 2 times the number of fixations.

    Pixels with equal values pass a threshold together, in both. The program of the MIT saliency benchmark adds noise to
    the map instead, to break ties at random. NaN where no pixel is fixated or all are.

    Raises `ValueError` as `nss` does, and for other thresholds.

    Source: Judd et al., Learning to predict where humans look, 2009, and the program of the benchmark.
    """
    values, fixated = _maps(saliency, fixations, fixations=True)
    return _area(values, fixated, 1 - fixated, thresholds)


def auc_shuffled(
    saliency: Tensor,
    fixations: Tensor,
    others: Tensor | None = None,
    repeats: Literal["count", "once"] = "once",
    draws: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the area under the ROC curve that tells an image's fixations from those of other images: (N,).

    A map that is large at the middle of every image, where people look first, has an area near one half. All values are
    thresholds, and equal values count one half. A pixel that is fixated both here and elsewhere is on both sides.

    - `others` (N, H, W) are the fixations of other images for each image; without them, those of the rest of the batch.
    - `repeats`: a pixel that several other images have fixated counts "once", or as often as `others` "count" it.
    - `draws` None compares with all of the others' fixations. A number takes the mean over so many random samples of
      them, each as large as the image has fixated pixels (or all, if there are fewer) and without replacement, as the
      benchmark's program does with 100. Its expectation is the area with all of them. `generator` must be on the device
      of the maps.

    NaN without fixations, here or elsewhere. Raises `ValueError` as `nss` does, also for `others`, for other `repeats`
    and for `draws` below 1.

    Sources: Tatler et al., Visual correlates of fixation selection, 2005; Zhang et al., SUN: A Bayesian framework for
    saliency using natural statistics, 2008.
    """
    if repeats not in ("count", "once"):
        raise ValueError(f"repeats={repeats!r} does not say how repeated fixations count: use count or once.")
    if draws is not None and draws < 1:
        raise ValueError(f"draws={draws} gives no sample: use at least 1, or None for all fixations.")
    values, fixated = _maps(saliency, fixations, fixations=True)
    if others is None:
        elsewhere = fixated.sum(0) - fixated
    else:
        _maps(saliency, others, fixations=True)
        elsewhere = others.flatten(1).double()
    if repeats == "once":
        elsewhere = (elsewhere > 0).double()
    if draws is None:
        return _area(values, fixated, elsewhere)
    # The number of fixations differs between images, and with it the shape of the samples.
    found = [_area_of_draws(*one, draws, generator) for one in zip(values, fixated, elsewhere, strict=True)]
    return torch.stack(found) if found else values.new_zeros(0)


def _area_of_draws(
    values: Tensor, fixated: Tensor, elsewhere: Tensor, draws: int, generator: torch.Generator | None
) -> Tensor:
    inside = values[fixated > 0]
    outside = values.repeat_interleave(elsewhere.long())
    order = torch.rand(draws, len(outside), generator=generator, device=values.device).argsort(-1)[:, : len(inside)]
    both = torch.cat([inside.expand(draws, -1), outside[order]], dim=-1)
    positive = torch.zeros_like(both)
    positive[:, : len(inside)] = 1
    return _area(both, positive, 1 - positive).mean()


def _area(values: Tensor, positive: Tensor, negative: Tensor, thresholds: Thresholds = "all") -> Tensor:
    """Return the area under the ROC curve of values (B, P) whose pixels count as positive and negative (B, P): (B,)."""
    if thresholds not in ("all", "fixated"):
        raise ValueError(f"thresholds={thresholds!r} are no thresholds of a ROC curve: use all or fixated.")
    values, order = values.sort(dim=-1, descending=True)
    positive, negative = positive.gather(-1, order), negative.gather(-1, order)
    # A pixel's point on the curve counts it and all that have its value or a larger one: look up the last of them.
    last = torch.searchsorted(-values, -values, right=True) - 1
    rates = [(each.cumsum(-1) / each.sum(-1, keepdim=True)).gather(-1, last) for each in (negative, positive)]
    if thresholds == "fixated":
        # The points of other pixels fall on the last one that is a threshold.
        rates = [each.where(positive > 0, 0).cummax(-1).values for each in rates]
    start = values.new_zeros(len(values), 1)
    false, true = (torch.cat([start, each, start + 1], dim=-1) for each in rates)
    both = positive.any(-1) & negative.any(-1)
    return torch.trapezoid(true, false).where(both, torch.nan)


def _maps(saliency: Tensor, truth: Tensor, fixations: bool = False) -> tuple[Tensor, Tensor]:
    """Return both maps as (N, P), float64; fixations as zeros and ones."""
    name = "Fixations" if fixations else "A density"
    if saliency.shape != truth.shape or truth.ndim != 3:
        raise ValueError(
            f"A saliency map of the shape {tuple(saliency.shape)} and {name.lower()} of the shape {tuple(truth.shape)} "
            "do not fit: both must be (N, H, W)."
        )
    if not (saliency.isfinite().all() and truth.isfinite().all()):
        raise ValueError("A map holds NaN or ±∞: scores compare finite numbers only.")
    values, truth_values = saliency.flatten(1).double(), truth.flatten(1)
    if not fixations:
        return values, truth_values.double()
    if truth.is_floating_point() or (truth_values < 0).any():
        raise ValueError(
            "Fixations must be truth values or counts from 0, in a type of whole numbers: a blurred map is a density."
        )
    return values, (truth_values > 0).double()


def _standardised(values: Tensor) -> Tensor:
    """Return maps (N, P) with mean 0 and standard deviation 1; NaN for a constant one, also where its mean rounds."""
    centred = values - values.mean(-1, keepdim=True)
    constant = (values == values[:, :1]).all(-1, keepdim=True)
    spread = centred.square().mean(-1, keepdim=True).sqrt()
    return centred / spread.where(~constant, torch.nan)
