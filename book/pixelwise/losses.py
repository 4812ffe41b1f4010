"""Losses that segmentation networks are trained with, and one for depth.

    loss = cross_entropy(network(images), labels)                      # one term for each pixel
    loss = lovasz(network(images), labels)                             # one term for each class

Logits are (N, K, H, W), labels (N, H, W) with classes 0 … K − 1. Pixels whose label is `ignore` add nothing to a loss
or to its gradient. Where every pixel is void the loss is 0, with a gradient of zeros. Logits in half precision are
widened to float32 first, so that sums over millions of pixels neither overflow nor lose the small terms.

`cross_entropy` and `focal` take a mean over pixels, so a class weighs as much as it has pixels. The *region losses*
`soft_iou`, `dice` and `lovasz` compute one number from all pixels of a class and take the mean over classes, whatever
their size. They share two conventions:

- `classes="present"` takes the mean over the classes that the labels contain, `classes="all"` over all K;
- `per_image=False` treats the batch as one image with many pixels, as scores treat a data set; `per_image=True`
  computes the loss of each image and takes the mean over the images that have a scored pixel.

`scale_invariant` is for depth, (N, H, W), and has conventions of its own.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelwise.data import VOID
from pixelwise.depth_metrics import has_depth
from pixelwise.metrics import check_labels, image_confusions

Averaged = Literal["present", "all"]


def cross_entropy(logits: Tensor, labels: Tensor, weight: Tensor | None = None, ignore: int = VOID) -> Tensor:
    """Return the mean over scored pixels of −log p_y, where p_y is the softmax probability of the true class.

    With a `weight` (K,) for each class it is the weighted mean: the sum of w_y·(−log p_y) over the sum of w_y.

    Raises `ValueError` when labels and logits do not fit together or a label is neither a class nor `ignore`.
    """
    return focal(logits, labels, gamma=0, weight=weight, ignore=ignore)


def focal(logits: Tensor, labels: Tensor, gamma: float = 2, weight: Tensor | None = None, ignore: int = VOID) -> Tensor:
    """Return the mean over scored pixels of −(1 − p_y)^γ log p_y: `cross_entropy` with sure pixels turned down.

    γ = 0 is the cross-entropy. `weight` (K,) is the paper's α, and makes it a weighted mean.

    Raises `ValueError` for a negative γ, and as `cross_entropy` does.

    Source: Lin et al., Focal loss for dense object detection, 2017. They divide by the number of boxes that contain an
    object; where every pixel has a class, that is the number of pixels.
    """
    if gamma < 0:
        raise ValueError(f"γ is {gamma}: a negative one would turn down the pixels that are wrong.")
    scored = _scored(logits, labels, ignore)
    log_p = F.log_softmax(_widened(logits), dim=1)
    true = labels.long().where(scored, 0)
    log_p_true = log_p.gather(1, true.unsqueeze(1)).squeeze(1)
    weights = scored.to(log_p.dtype)
    if weight is not None:
        weights = weights * weight.to(log_p)[true]
    losses = -log_p_true
    if gamma:
        # expm1 keeps the small 1 − p of sure pixels; the power of an exact zero has no finite gradient for γ < 1.
        losses = losses * (-torch.expm1(log_p_true)).clamp(min=torch.finfo(log_p.dtype).tiny) ** gamma
    return (losses * weights).sum() / _never_zero(weights.sum())


def soft_iou(
    logits: Tensor,
    labels: Tensor,
    classes: Averaged = "present",
    per_image: bool = False,
    smooth: float = 0,
    ignore: int = VOID,
) -> Tensor:
    """Return 1 − the mean over classes of Σ p·y / Σ (p + y − p·y), p the softmax probability and y the label, 0 or 1.

    Where every p is 0 or 1 the quotient is the IoU. `smooth` is added above and below the line. Without it a class that
    the labels do not contain has a quotient of 0 and no gradient, so that `classes="all"` adds a constant.

    Raises `ValueError` as `cross_entropy` does.

    Source: Rahman and Wang, Optimizing intersection-over-union in deep neural networks for image segmentation, 2016,
    who do it for one class against the rest.
    """
    p, y, scored = _regions(logits, labels, per_image, ignore)
    intersection = (p * y).sum(-1)
    union = (p + y).sum(-1) - intersection
    return _mean(1 - (intersection + smooth) / _never_zero(union + smooth), y, scored, classes)


def dice(
    logits: Tensor,
    labels: Tensor,
    classes: Averaged = "present",
    per_image: bool = False,
    smooth: float = 0,
    ignore: int = VOID,
) -> Tensor:
    """Return 1 − the mean over classes of 2 Σ p·y / (Σ p² + Σ y²), p the softmax probability and y the label, 0 or 1.

    Where every p is 0 or 1 the quotient is Dice's coefficient, 2J / (1 + J) for an IoU of J. `smooth` as in `soft_iou`.

    Raises `ValueError` as `cross_entropy` does.

    Source: Milletari et al., V-Net: Fully convolutional neural networks for volumetric medical image segmentation,
    2016, for one class against the rest; others leave out the squares.
    """
    p, y, scored = _regions(logits, labels, per_image, ignore)
    shared = 2 * (p * y).sum(-1)
    sizes = (p * p + y).sum(-1)  # y² is y
    return _mean(1 - (shared + smooth) / _never_zero(sizes + smooth), y, scored, classes)


def lovasz(
    logits: Tensor, labels: Tensor, classes: Averaged = "present", per_image: bool = False, ignore: int = VOID
) -> Tensor:
    """Return the Lovász-softmax loss: the mean over classes of the Lovász extension of 1 − IoU at the errors |y − p|.

    For one class, let J(E) be 1 − IoU of the labels when the pixels in the set E are predicted wrongly. With the errors
    m_1 ≥ m_2 ≥ … in descending order, the loss is Σ_i m_i · (J({1 … i}) − J({1 … i − 1})). It is linear in the errors
    for a fixed order, and equal to J where every error is 0 or 1. A class that the labels do not contain, counted with
    `classes="all"`, has the largest error as its loss.

    Raises `ValueError` as `cross_entropy` does.

    Source: Berman et al., The Lovász-softmax loss, 2018, equations 8 and 9 and algorithm 1.
    """
    p, y, scored = _regions(logits, labels, per_image, ignore)
    # Errors of void pixels sort last and, being no member of any set, weigh nothing.
    errors, order = (y - p).abs().where(scored, -1).sort(dim=-1, descending=True)
    foreground = y.bool().gather(-1, order)
    background = (scored & ~y.bool()).gather(-1, order)
    # Counts are whole, and neighbouring values of J nearly equal: float32 would lose their differences.
    size = foreground.sum(-1, keepdim=True).double()
    jaccard = 1 - (size - foreground.cumsum(-1)) / (size + background.cumsum(-1)).clamp(min=1)
    steps = jaccard.diff(dim=-1, prepend=torch.zeros_like(size))
    return _mean((errors * steps.to(errors.dtype)).sum(-1), y, scored, classes)


def scale_invariant(log_prediction: Tensor, depth: Tensor, balance: float = 0.5) -> Tensor:
    """Return the mean over images of Σ d²/n − λ (Σ d)²/n², d = log prediction − log depth at the n scored pixels.

    `log_prediction` (N, H, W) is the natural logarithm of the predicted depth, which a network may give with any sign;
    `depth` (N, H, W) is the true one, in the unit of the prediction. Pixels without a true depth are void: those where
    it is 0, negative, infinite (sky) or NaN. Images that are all void do not count.

    λ is `balance`. At 0 the loss is the mean squared error of the logarithm; at 1 it is the variance of d, and a factor
    on all depths of an image, which shifts d, changes nothing; at 0.5, the paper's choice for training, it is their
    mean. Depth in half precision is widened to float32.

    Raises `ValueError` when the shapes differ, and for a λ below 0 or above 1.

    Source: Eigen et al., Depth map prediction from a single image using a multi-scale deep network, 2014, equation 4.
    """
    if log_prediction.shape != depth.shape or depth.ndim != 3:
        raise ValueError(
            f"A log depth of the shape {tuple(log_prediction.shape)} and a depth of the shape {tuple(depth.shape)} do "
            "not fit: both must be (N, H, W)."
        )
    if not 0 <= balance <= 1:
        raise ValueError(f"λ is {balance}: it lies from 0, the squared error, to 1, which ignores the scale.")
    scored = has_depth(depth)
    truth = _widened(depth).where(scored, 1).log()
    difference = (_widened(log_prediction) - truth).where(scored, 0)
    pixels = scored.sum((1, 2))
    mean = difference.sum((1, 2)) / pixels.clamp(min=1)
    # The same sums as those above; subtracting the mean first loses no digits where one scale is wrong by far.
    spread = (difference - mean[:, None, None]).where(scored, 0)
    variance = spread.square().sum((1, 2)) / pixels.clamp(min=1)
    return (variance + (1 - balance) * mean.square()).sum() / (pixels > 0).sum().clamp(min=1)


def class_weights(
    labels: Tensor, classes: int, rule: Literal["balanced", "median"] = "median", ignore: int = VOID
) -> Tensor:
    """Return a weight for each class, larger for rare ones, from the labels (N, H, W) of a training set: (K,) float32.

    - "median" divides the median of all classes' frequencies by the class's frequency, which is its share of the scored
      pixels in the images that contain it;
    - "balanced" divides the mean number of pixels of a class by that of the class: every class weighs the same in a
      weighted sum over the labels.

    Classes that do not occur are left out of median and mean, and have the weight 0.

    Raises `ValueError` for a label that is neither a class nor `ignore`.

    Source: "median": Eigen and Fergus, Predicting depth, surface normals and semantic labels with a common multi-scale
    convolutional architecture, 2015, section 4.3.
    """
    # In parts: counting takes several whole numbers of 64 bits for each pixel.
    parts = [image_confusions(part, part, classes, ignore).sum(-1) for part in labels.split(64)]
    counts = torch.cat(parts)
    pixels = counts.sum(0)
    if rule == "balanced":
        frequency = pixels.double()
        typical = frequency[pixels > 0].mean()
    elif rule == "median":
        where_it_occurs = (counts.sum(-1, keepdim=True) * (counts > 0)).sum(0)
        frequency = pixels / where_it_occurs.double()
        typical = frequency.nanquantile(0.5)
    else:
        raise ValueError(f"rule={rule!r} is no rule for class weights: use balanced or median.")
    return torch.where(pixels > 0, typical / frequency, 0).float()


def _regions(logits: Tensor, labels: Tensor, per_image: bool, ignore: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return probabilities (B, K, P), labels as zeros and ones (B, K, P), and which pixels are scored (B, 1, P).

    Both are 0 on void. B is the number of images, or 1 if the batch counts as one; P is the number of pixels of each.
    """
    scored = _scored(logits, labels, ignore)
    p = F.softmax(_widened(logits), dim=1)
    y = F.one_hot(labels.long().where(scored, 0), logits.shape[1]).movedim(-1, 1).to(p.dtype)
    flat = [each.flatten(2) for each in (p, y, scored.unsqueeze(1))]
    if not per_image:
        flat = [each.transpose(0, 1).flatten(1).unsqueeze(0) for each in flat]
    p, y, scored = flat
    return p.where(scored, 0), y.where(scored, 0), scored


def _mean(losses: Tensor, y: Tensor, scored: Tensor, classes: Averaged) -> Tensor:
    """Return the mean over classes and then over images of losses (B, K)."""
    if classes == "present":
        counted = y.any(-1)
    elif classes == "all":
        counted = scored.any(-1).expand_as(losses)
    else:
        raise ValueError(f"classes={classes!r} says not which classes are averaged: use present or all.")
    means = losses.where(counted, 0).sum(-1) / counted.sum(-1).clamp(min=1)
    return means.sum() / counted.any(-1).sum().clamp(min=1)


def _scored(logits: Tensor, labels: Tensor, ignore: int) -> Tensor:
    """Return which pixels are scored: (N, H, W)."""
    if logits.ndim < 2 or logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ValueError(
            f"Logits of the shape {tuple(logits.shape)} and labels of the shape {tuple(labels.shape)} do not fit: "
            "(N, K, H, W) needs (N, H, W)."
        )
    scored = labels.long() != ignore
    check_labels(labels, logits.shape[1], scored)
    return scored


def _widened(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _never_zero(denominator: Tensor) -> Tensor:
    return denominator.where(denominator != 0, 1)
