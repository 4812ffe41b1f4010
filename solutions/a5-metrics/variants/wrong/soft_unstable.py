"""Divides exponentials, which overflow."""

import torch
import torch.nn.functional as F

FAILS = {"soft_iou_loss": "wrong"}
HINT = "The exponential of a large logit is infinite: look at how you compute the softmax."


def soft_iou_loss(logits, truth, ignore=None):
    if logits.ndim != 4 or logits[:, 0].shape != truth.shape:
        raise ValueError(f"logits of shape {tuple(logits.shape)} do not fit a truth of shape {tuple(truth.shape)}")
    if truth.is_floating_point():
        raise ValueError("labels are integers")
    truth = truth.long()
    scored = torch.ones_like(truth, dtype=torch.bool) if ignore is None else truth != ignore
    labels, known = truth.where(scored, 0), scored[:, None]
    if labels.numel() and (labels.min() < 0 or labels.max() >= logits.shape[1]):
        raise ValueError(f"a label is outside 0 to {logits.shape[1] - 1}")
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    p = (wide.where(known, 0).exp() / wide.where(known, 0).exp().sum(1, True)).where(known, 0)
    y = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).to(wide.dtype).where(known, 0)
    pixels = (0, 2, 3)
    present = (y > 0).any(3, True).any(2, True).any(0, True)
    number = present.sum().clamp(min=1)
    both = (p * y).sum(pixels, True)
    union = (p + y - p * y).sum(pixels, True).where(present, 1)
    loss = (1 - both / union).where(present, 0).sum() / number
    slope = -((y * union - both * (1 - y)) / union**2).where(present, 0) / number
    gradient = p * (slope - (p * slope).sum(1, True))
    return loss.to(logits.dtype), gradient.to(logits.dtype)
