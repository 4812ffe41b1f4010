"""Counts the pixels of each pair of classes in two loops."""

import torch

FAILS = {"confusion_matrix": "loops"}
HINT = "There is a loop over the classes: give every pair of labels a number and count the numbers in one call."


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
    rows = [torch.stack([((truth == i) & (prediction == j)).sum() for j in range(classes)]) for i in range(classes)]
    return torch.stack(rows)
