"""Has rows only up to the largest pair that occurs."""

FAILS = {"confusion_matrix": "wrong"}
HINT = (
    "A class that does not occur in these maps has its row and column all the same: look at how many bins you "
    "count into."
)


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
    counts = pairs.bincount()
    return counts[: len(counts) // classes * classes].view(-1, classes)
