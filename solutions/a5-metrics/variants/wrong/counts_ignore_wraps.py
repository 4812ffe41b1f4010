"""Compares the label to ignore in the dtype of the truth, where -1 becomes 255."""

FAILS = {"confusion_matrix": "wrong"}
HINT = (
    "A number that the dtype of a map cannot hold is wrapped around before it is compared: look at when you widen "
    "the labels."
)


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.flatten(), truth.flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    prediction, truth = prediction.long(), truth.long()
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
