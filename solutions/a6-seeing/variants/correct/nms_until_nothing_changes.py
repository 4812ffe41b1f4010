"""The matrix form: boxes are kept that no kept box removes, repeated until nothing changes."""

import torch

SOLVES = ("nms",)


def nms(boxes, scores, labels=None, threshold=0.5):
    if boxes.dim() != 2 or boxes.size(1) != 4:
        raise ValueError
    if list(scores.shape) != [len(boxes)] or (labels is not None and list(labels.shape) != [len(boxes)]):
        raise ValueError
    if not threshold >= 0 or threshold > 1:
        raise ValueError
    _value, order = torch.sort(scores, dim=0, descending=True, stable=True)
    x1, y1, x2, y2 = boxes.index_select(0, order).to(torch.float64).unbind(1)
    if bool(torch.any(x1 > x2)) or bool(torch.any(y1 > y2)):
        raise ValueError
    w = (torch.min(x2[:, None], x2[None]) - torch.max(x1[:, None], x1[None])).clamp(min=0)
    h = (torch.min(y2[:, None], y2[None]) - torch.max(y1[:, None], y1[None])).clamp(min=0)
    area = (x2 - x1) * (y2 - y1)
    both = w * h
    iou = torch.nan_to_num(both / (area[:, None] + area[None] - both), nan=0.0)
    strikes = (iou > threshold) & (torch.arange(len(order))[:, None] < torch.arange(len(order)))
    if labels is not None:
        kind = labels[order]
        strikes = strikes & (kind[:, None] == kind[None])
    strikes, kept = strikes.double(), torch.ones(len(order), dtype=torch.float64)
    while True:
        now = (strikes.T @ kept == 0).double()
        if torch.equal(now, kept):
            return order[kept > 0]
        kept = now
