"""Divides the intersection by the smaller area."""

import torch

FAILS = {"nms": "wrong"}
HINT = "A small box within a large one has a small IoU: what do you divide by?"


def nms(boxes, scores, labels=None, threshold=0.5):
    count = boxes.shape[0]
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (count,):
        raise ValueError(f"boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)} do not fit")
    if labels is not None and labels.shape != (count,):
        raise ValueError(f"labels {tuple(labels.shape)} do not fit {count} boxes")
    if not 0 <= threshold <= 1:
        raise ValueError(f"the threshold should be between 0 and 1, not {threshold}")
    order = scores.argsort(dim=0, descending=True, stable=True)
    corners = boxes[order].double()
    low, high = corners[:, :2], corners[:, 2:]
    if (high < low).any():
        raise ValueError("a box has its corners exchanged")
    areas = (high - low).prod(1)
    shared = (torch.minimum(high[:, None], high) - torch.maximum(low[:, None], low)).clamp(min=0).prod(2)
    union = torch.minimum(areas[:, None], areas)
    removes = shared / union.where(union > 0, 1) > threshold
    if labels is not None:
        removes &= labels[order][:, None] == labels[order]
    removes = removes.triu(1)
    gone = torch.zeros(count, dtype=torch.bool)
    for i in range(count):
        if not gone[i]:
            gone |= removes[i]
    return order[~gone]
