"""Lets the two maps be broadcast against each other."""

import torch

FAILS = {"confusion_matrix": "wrong"}
HINT = "Maps of unlike shapes may still fit together by PyTorch's rules of broadcasting: compare the shapes yourself."


def confusion_matrix(prediction, truth, classes, ignore=None):
    prediction, truth = torch.broadcast_tensors(prediction, truth)
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
