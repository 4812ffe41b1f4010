"""How good is a label map? Scores of segmentation, all of them computed from one matrix of counts.

    counts = sum(confusion(predict(images), labels, classes=9) for images, labels in batches)
    mean_iou(counts), iou(counts), pixel_accuracy(counts)

A confusion matrix counts pixels by their true class (row) and predicted class (column). The matrices of parts of a data
set add up to the matrix of the whole, so a data set of any size is scored batch by batch. Every score takes a matrix
(K, K) or a stack of them (…, K, K), such as the one matrix for each image that `image_confusions` returns.

A score without a single pixel to judge it by is NaN: no number would be true.
"""

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelwise.data import VOID

Absent = Literal["skip", "zero", "one", "skip-not-in-truth"]


def confusion(prediction: Tensor, truth: Tensor, classes: int, ignore: int = VOID) -> Tensor:
    """Return how many pixels of class i were labelled j: (K, K) counts, int64, rows truth, columns prediction.

    `prediction` and `truth` hold labels 0 … K − 1 and have the same shape, whatever it is. Pixels whose truth is
    `ignore` are not counted, and what was predicted there does not matter. An empty batch gives zeros. The work is one
    pass on the device where the labels are.

    Raises `ValueError` when the shapes differ, when either holds no labels but real numbers, or a label that is neither
    a class nor, in the truth, `ignore`.

    Source: the n_ij of Long et al., Fully convolutional networks for semantic segmentation, 2015, section 5.
    """
    checked = _checked(prediction, truth, classes, ignore)
    return _count(*(each.unsqueeze(0) for each in checked), classes)[0]


def image_confusions(prediction: Tensor, truth: Tensor, classes: int, ignore: int = VOID) -> Tensor:
    """Return the `confusion` of each image of a batch by itself: labels (N, …) give counts (N, K, K).

    Their sum over the images is the confusion of the batch. Raises `ValueError` as `confusion` does.
    """
    return _count(*_checked(prediction, truth, classes, ignore), classes)


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Return the share of scored pixels that are right: Σ_i n_ii / Σ_ij n_ij, of shape (…), float64.

    Source: Long et al. 2015, section 5.
    """
    return _diagonal(confusion).sum(-1) / confusion.sum((-2, -1)).double()


def class_accuracy(confusion: Tensor) -> Tensor:
    """Return the share of each class's pixels that are right, n_ii / Σ_j n_ij: (…, K), NaN for a class without any."""
    return _diagonal(confusion) / confusion.sum(-1).double()


def mean_class_accuracy(confusion: Tensor) -> Tensor:
    """Return the mean of `class_accuracy` over the classes that the truth contains: (…).

    Source: "mean accu." of Long et al. 2015, section 5.
    """
    return class_accuracy(confusion).nanmean(-1)


def iou(confusion: Tensor) -> Tensor:
    """Return intersection over union for each class: n_ii / (Σ_j n_ij + Σ_j n_ji − n_ii), of shape (…, K), float64.

    A class is *absent* when its union is empty, that is, when neither the truth nor the prediction contains it. Its
    IoU is 0/0 and comes as NaN.

    Source: Everingham et al., The Pascal visual object classes challenge: A retrospective, 2015.
    """
    intersection = _diagonal(confusion)
    return intersection / (confusion.sum(-1) + confusion.sum(-2) - intersection)


def mean_iou(confusion: Tensor, absent: Absent = "skip") -> Tensor:
    """Return the mean of `iou` over the classes, of shape (…).

    `absent` is the convention for classes that do not occur:

    - "skip" takes the mean over the classes that occur in the truth or in the prediction;
    - "zero" and "one" take it over all K classes and give a class with an empty union that IoU;
    - "skip-not-in-truth" takes it over the classes that occur in the truth. A class that was only predicted, and has an
      IoU of 0, is left out as well; its pixels still count in the unions of the true classes.

    Where no class is left the mean is NaN. Raises `ValueError` for any other convention.

    Source: "mean IU" of Long et al. 2015, who do not say what an absent class scores.
    """
    return _mean_over_classes(iou(confusion), confusion.sum(-1), absent)


def frequency_weighted_iou(confusion: Tensor) -> Tensor:
    """Return the mean of `iou` weighted by each class's share of the true pixels, of shape (…).

    Source: "f.w. IU" of Long et al. 2015, section 5.
    """
    true_pixels = confusion.sum(-1).double()
    return (true_pixels * iou(confusion).nan_to_num(0)).sum(-1) / true_pixels.sum(-1)


def boundary_confusion(
    prediction: Tensor, truth: Tensor, classes: int, width: int | None = None, ignore: int = VOID
) -> Tensor:
    """Return the counts from which `boundary_iou` is computed: (K + 1, K + 1), int64; those of batches add up.

    Label maps are (N, H, W) or (H, W). A pixel belongs to the band of its class if a pixel of another class, or the
    outside of the image, is at most `width` pixels away; distance is the larger one of rows and columns, so the band of
    width 1 is the mask without its erosion by 3×3. Without `width` it is 2 % of the image's diagonal (see
    `boundary_width`). In the matrix, a pixel away from the contours of its own map has the label K instead of its
    class, in the truth and in the prediction each for itself.

    Where the truth is `ignore`, both maps are void: such pixels are not counted, and make no contour.

    Raises `ValueError` as `confusion` does, and for a width below 1.

    Source: Cheng et al., Boundary IoU: Improving object-centric image segmentation evaluation, 2021, with the distance
    and the border of its authors' code.
    """
    return confusion(*_bands(prediction, truth, classes, width, ignore), classes + 1, ignore)


def image_boundary_confusions(
    prediction: Tensor, truth: Tensor, classes: int, width: int | None = None, ignore: int = VOID
) -> Tensor:
    """Return the `boundary_confusion` of each image of a batch: labels (N, …, H, W) give counts (N, K + 1, K + 1)."""
    return image_confusions(*_bands(prediction, truth, classes, width, ignore), classes + 1, ignore)


def boundary_iou(boundary_confusion: Tensor) -> Tensor:
    """Return the boundary IoU of each class from a `boundary_confusion`: (…, K + 1, K + 1) to (…, K), float64.

    It is the IoU of two bands along contours: of the pixels of the true mask within the width of its own contour, and
    of those of the predicted mask within the width of its own. NaN for a class without any.
    """
    return iou(boundary_confusion)[..., :-1]


def mean_boundary_iou(boundary_confusion: Tensor, absent: Absent = "skip") -> Tensor:
    """Return the mean of `boundary_iou` over the classes, of shape (…); `absent` as for `mean_iou`."""
    return _mean_over_classes(boundary_iou(boundary_confusion), boundary_confusion.sum(-1)[..., :-1], absent)


def boundary_width(height: int, width: int) -> int:
    """Return the width in pixels that Cheng et al. 2021 use for an image: 2 % of its diagonal, rounded, at least 1."""
    return max(1, round(0.02 * math.hypot(height, width)))


def trimap(truth: Tensor, width: int, ignore: int = VOID) -> Tensor:
    """Return the truth with all pixels set to `ignore` that are further than `width` from another class.

    Label maps are (…, H, W); the distance is that of `boundary_confusion`, and the border of the image is no contour
    here. Any score of a prediction against this truth judges it near the true contours only, on both of their sides.

    Raises `ValueError` for a width below 1.

    Source: Krähenbühl and Koltun, Efficient inference in fully connected CRFs with Gaussian edge potentials, 2011,
    after Kohli et al. 2009.
    """
    truth = truth.long()
    scored = truth != ignore
    outside, unknown = F.pad(truth, (width,) * 4), F.pad(scored, (width,) * 4, value=False)
    return truth.where(_near_another_label(outside, unknown, width) & scored, ignore)


def check_labels(labels: Tensor, classes: int, scored: Tensor, name: str = "truth") -> None:
    """Raise `ValueError` unless `labels` are integers and, wherever `scored` is true, one of 0 … `classes` − 1."""
    if labels.is_floating_point() or labels.is_complex():
        kind = str(labels.dtype).removeprefix("torch.")
        raise ValueError(f"The {name} holds {kind} numbers, not integer labels: take the argmax over the classes.")
    if not labels.numel():
        return
    least, largest = (extreme.item() for extreme in labels.long().where(scored, 0).aminmax())
    if least < 0 or largest >= classes:
        raise ValueError(
            f"The {name} holds the label {least if least < 0 else largest}, but the classes are 0 to {classes - 1}: "
            "change it, or pass it as `ignore` if pixels of this label are not to be scored."
        )


def _checked(prediction: Tensor, truth: Tensor, classes: int, ignore: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return prediction and truth as int64, and which pixels are scored."""
    if prediction.shape != truth.shape:
        raise ValueError(
            f"The prediction has the shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}: "
            "every pixel needs one label in both."
        )
    scored = truth.long() != ignore
    check_labels(truth, classes, scored)
    check_labels(prediction, classes, scored, "prediction")
    return prediction.long(), truth.long(), scored


def _count(prediction: Tensor, truth: Tensor, scored: Tensor, classes: int) -> Tensor:
    images = len(truth)
    image = torch.arange(images, device=truth.device).reshape(-1, *[1] * (truth.ndim - 1))
    entry = (image * classes + truth) * classes + prediction
    # Pixels that are not scored get an entry of their own behind the last: masking them out would copy the maps.
    entries = images * classes**2
    counts = torch.where(scored, entry, entries).flatten().bincount(minlength=entries + 1)
    return counts[:entries].reshape(images, classes, classes)


def _bands(prediction: Tensor, truth: Tensor, classes: int, width: int | None, ignore: int) -> tuple[Tensor, Tensor]:
    """Return both label maps with the label `classes` wherever a pixel is not near a contour of its own map."""
    prediction, truth, scored = _checked(prediction, truth, classes, ignore)
    width = boundary_width(*truth.shape[-2:]) if width is None else width

    def band(labels: Tensor) -> Tensor:
        outside = F.pad(labels, (width,) * 4, value=classes)
        known = F.pad(scored, (width,) * 4, value=True)
        return labels.where(_near_another_label(outside, known, width), classes)

    return band(prediction), band(truth).where(scored, ignore)


def _diagonal(confusion: Tensor) -> Tensor:
    return confusion.diagonal(dim1=-2, dim2=-1).double()


def _mean_over_classes(scores: Tensor, true_pixels: Tensor, absent: Absent) -> Tensor:
    if absent == "skip":
        return scores.nanmean(-1)
    if absent == "skip-not-in-truth":
        return scores.where(true_pixels > 0, math.nan).nanmean(-1)
    if absent in ("zero", "one"):
        return scores.nan_to_num(float(absent == "one")).mean(-1)
    raise ValueError(f"absent={absent!r} is no convention for absent classes: use {', '.join(get_args(Absent))}.")


def _near_another_label(labels: Tensor, known: Tensor, width: int) -> Tensor:
    """Return which pixels have a known pixel of another label within `width`: (…, H + 2·width, …) to (…, H, W)."""
    if width < 1:
        raise ValueError(f"A band along contours is at least one pixel wide, not {width}.")
    if not labels[..., width:-width, width:-width].numel():  # pooling refuses a batch without pixels
        return torch.zeros_like(known)[..., width:-width, width:-width]

    def largest(values: Tensor) -> Tensor:
        flat = values.reshape(-1, 1, *values.shape[-2:])
        flat = F.max_pool2d(F.max_pool2d(flat, (2 * width + 1, 1), 1), (1, 2 * width + 1), 1)
        return flat.reshape(*values.shape[:-2], *flat.shape[-2:])

    values = labels.float()  # exact for labels below 2²⁴; max pooling is not there for integers on every device
    here = values[..., width:-width, width:-width]
    above = largest(values.where(known, -math.inf))
    below = -largest((-values).where(known, -math.inf))
    return (above > here) | (below < here)
