"""Each label by itself, and all of them sorted at the end."""

import torch

SOLVES = ("nms",)


def ious(a, b):
    side = torch.minimum(a[2:], b[:, 2:]) - torch.maximum(a[:2], b[:, :2])
    shared = side.relu().prod(-1)
    union = (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(-1) - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(union))


def one_label(places, ranked, threshold):
    alive = torch.ones(len(ranked), dtype=torch.bool)
    for at, i in enumerate(ranked.tolist()):
        if alive[at]:
            alive[at + 1 :] &= ious(places[i], places[ranked[at + 1 :]]) <= threshold
    return ranked[alive]


def nms(boxes, scores, labels=None, threshold=0.5):
    if boxes.ndim != 2 or boxes.shape[-1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError("shape")
    labels = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else labels
    if labels.shape != scores.shape or not 0 <= threshold <= 1:
        raise ValueError("labels or threshold")
    places = boxes.to(torch.float64)
    if ((places[:, 2] < places[:, 0]) | (places[:, 3] < places[:, 1])).any():
        raise ValueError("corners")
    order = torch.argsort(scores, dim=0, descending=True, stable=True)
    place = torch.empty_like(order).scatter(0, order, torch.arange(len(order)))
    kept = [one_label(places, order[labels[order] == kind], threshold) for kind in labels.unique()]
    kept = torch.cat([order[:0], *kept])
    return kept[place[kept].argsort()]
