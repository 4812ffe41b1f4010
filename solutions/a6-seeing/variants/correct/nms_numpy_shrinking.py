"""A list that becomes shorter, in NumPy."""

import numpy as np
import torch

SOLVES = ("nms",)


def nms(boxes, scores, labels=None, threshold=0.5):
    if boxes.ndim != 2 or tuple(boxes.shape) != (len(scores) if scores.ndim == 1 else -1, 4):
        raise ValueError("boxes and scores")
    if labels is not None and tuple(labels.shape) != tuple(scores.shape):
        raise ValueError("labels")
    if not (0 <= threshold <= 1):
        raise ValueError("threshold")
    b = boxes.numpy().astype(np.float64)
    kind = np.zeros(len(b)) if labels is None else labels.numpy()
    if np.any(b[:, 2:] < b[:, :2]):
        raise ValueError("corners")
    area = np.prod(b[:, 2:] - b[:, :2], axis=1)
    order = np.argsort(-scores.numpy().astype(np.float64), kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        side = np.minimum(b[best, 2:], b[rest, 2:]) - np.maximum(b[best, :2], b[rest, :2])
        shared = np.prod(np.maximum(side, 0), axis=1)
        whole = area[best] + area[rest] - shared
        iou = shared / np.where(whole > 0, whole, 1)
        order = rest[(iou <= threshold) | (kind[rest] != kind[best])]
    return torch.tensor(kept, dtype=torch.int64)
