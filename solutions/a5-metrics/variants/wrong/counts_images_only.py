"""Wants label maps of three axes."""

FAILS = {"confusion_matrix": "error"}
HINT = "Label maps may have any number of axes, even none: look at what your code asks of the shape."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    _, rows, columns = truth.shape
    prediction, truth = (labels.long().reshape(-1, rows * columns).flatten() for labels in (prediction, truth))
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
