"""Takes `ignore=0` for no label to ignore."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "In Python 0 counts as false: look at how you ask whether there is a label to ignore."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
