"""Adds up ones in float32, which stops at 2²⁴."""

import torch

FAILS = {"confusion_matrix": "wrong"}
HINT = "Counts in float32 stop growing at a certain size: look at the dtype in which you add up."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    pairs = truth * classes + prediction
    counts = torch.zeros(classes**2).index_add(0, pairs, torch.ones(len(pairs)))
    return counts.view(classes, classes).long()
