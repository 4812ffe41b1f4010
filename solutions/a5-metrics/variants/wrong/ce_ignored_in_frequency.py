"""Counts ignored pixels among the pixels of an image."""

import torch
import torch.nn.functional as F

FAILS = {"balanced_cross_entropy": "wrong"}
HINT = "The frequency of a class is its share of the pixels that count: look at what you divide by."


def balanced_cross_entropy(logits, truth, weighting="median", ignore=None):
    if weighting not in ("none", "inverse", "median"):
        raise ValueError(f"weighting should be none, inverse or median, not {weighting!r}")
    if logits.ndim != 4 or logits[:, 0].shape != truth.shape:
        raise ValueError(f"logits of shape {tuple(logits.shape)} do not fit a truth of shape {tuple(truth.shape)}")
    if truth.is_floating_point():
        raise ValueError("labels are integers")
    truth = truth.long()
    scored = torch.ones_like(truth, dtype=torch.bool) if ignore is None else truth != ignore
    labels = truth.where(scored, 0)
    if labels.numel() and (labels.min() < 0 or labels.max() >= logits.shape[1]):
        raise ValueError(f"a label is outside 0 to {logits.shape[1] - 1}")

    of_image = (F.one_hot(labels, logits.shape[1]) * scored[..., None]).sum((1, 2))
    counts, pixels = of_image.sum(0).double(), scored.sum()
    weights = torch.ones_like(counts)
    if weighting == "inverse":
        weights = pixels / ((counts > 0).sum() * counts)
    elif weighting == "median":
        frequency = counts / ((of_image > 0) * truth.shape[1] * truth.shape[2]).sum(0)
        weights = frequency.nanquantile(0.5) / frequency

    wide = logits.to(torch.promote_types(logits.dtype, torch.float32)).where(scored[:, None], 0)
    wide = wide - wide.detach().amax(1, True)
    costs = wide.exp().sum(1).log() - wide.gather(1, labels[:, None])[:, 0]
    costs = (costs * weights.to(wide.dtype)[labels]).where(scored, 0)
    return (costs.sum() / pixels.clamp(min=1)).to(logits.dtype)
