"""How good is a depth map? Scores of depth, all of them computed from sums over pixels.

    sums = torch.cat([depth_sums(predict(images), depth) for images, depth in batches])   # (N, 8)
    rmse(sums), rmse(sums.sum(0))          # of each image, and of all pixels of the data set together

The sums add up over images. The row of an image gives the score of that image, and a sum of rows the score of all their
pixels as if they were one image; papers differ in which they report. Scores are float64.

Pixels without a true depth are void, and what was predicted there does not matter: those where the truth is 0,
negative, infinite (sky) or NaN. A score without a single pixel to judge it by is NaN; `nanmean()` takes the mean over
the images that have one.
"""

import torch
from torch import Tensor


def has_depth(depth: Tensor) -> Tensor:
    """Return at which pixels there is a true depth, of any shape: positive and finite; the others are void."""
    return (depth > 0) & depth.isfinite()


def depth_sums(prediction: Tensor, depth: Tensor) -> Tensor:
    """Return the sums that depth scores are computed from, one row an image: (N, 8), float64.

    With the prediction p and the truth y, in the same unit, the columns are the number of scored pixels and the sums
    over them of |p − y| / y, (p − y)², (log p − log y)², log p − log y, and of whether max(p/y, y/p) is below 1.25,
    1.25² and 1.25³. `prediction` and `depth` are (N, H, W).

    Raises `ValueError` when the shapes differ, and where a prediction at a scored pixel is not positive and finite.
    """
    if prediction.shape != depth.shape or depth.ndim != 3:
        raise ValueError(
            f"A prediction of the shape {tuple(prediction.shape)} and a depth of the shape {tuple(depth.shape)} do not "
            "fit: both must be (N, H, W)."
        )
    scored = has_depth(depth)
    p, y = (each.double().where(scored, 1).flatten(1) for each in (prediction, depth))
    impossible = ~((p > 0) & p.isfinite())
    if impossible.any():
        raise ValueError(
            f"The prediction holds the depth {p[impossible][0].item():g} at a pixel that is scored: predict logarithms "
            "of depths, or clamp, since a depth is positive and finite."
        )
    logs = p.log() - y.log()
    ratio = torch.maximum(p / y, y / p)
    terms = [(p - y).abs() / y, (p - y).square(), logs.square(), logs, *(ratio < 1.25**k for k in (1, 2, 3))]
    # At void both are 1: their differences are 0, but not the shares of good ratios.
    columns = torch.stack([torch.ones_like(p), *(term.double() for term in terms)], dim=-1)
    return (columns * scored.flatten(1).unsqueeze(-1)).sum(1)


def abs_rel(sums: Tensor) -> Tensor:
    """Return the mean of |p − y| / y from `depth_sums` (…, 8): (…).

    Source: for this and the scores below, Eigen et al., Depth map prediction from a single image using a multi-scale
    deep network, 2014, section 4.
    """
    return sums[..., 1] / sums[..., 0]


def rmse(sums: Tensor) -> Tensor:
    """Return the root of the mean of (p − y)², in the unit of the depths, from `depth_sums` (…, 8): (…)."""
    return (sums[..., 2] / sums[..., 0]).sqrt()


def rmse_log(sums: Tensor) -> Tensor:
    """Return the root of the mean of (log p − log y)², natural logarithms, from `depth_sums` (…, 8): (…)."""
    return (sums[..., 3] / sums[..., 0]).sqrt()


def scale_invariant_rmse(sums: Tensor) -> Tensor:
    """Return the standard deviation of log p − log y, from `depth_sums` (…, 8): (…).

    It is the smallest `rmse_log` that a factor on the prediction can reach. The row of an image has a factor of its
    own, as in the paper; a sum of rows has one factor for all of its images.
    """
    pixels, square, mean = sums[..., 0], sums[..., 3], sums[..., 4] / sums[..., 0]
    return (square / pixels - mean.square()).clamp(min=0).sqrt()


def delta(sums: Tensor, k: int = 1) -> Tensor:
    """Return the share of pixels whose max(p/y, y/p) is below 1.25^k, k = 1, 2 or 3, from `depth_sums` (…, 8): (…).

    Raises `ValueError` for another k.
    """
    if k not in (1, 2, 3):
        raise ValueError(f"k is {k}, but pixels are counted below 1.25, 1.25² and 1.25³ only.")
    return sums[..., 4 + k] / sums[..., 0]
