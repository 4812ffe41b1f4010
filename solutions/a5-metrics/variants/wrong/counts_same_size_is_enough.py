"""Compares numbers of pixels instead of shapes."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "Two maps may have as many pixels and still another shape: look at what you compare."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.numel() != truth.numel():
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
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
