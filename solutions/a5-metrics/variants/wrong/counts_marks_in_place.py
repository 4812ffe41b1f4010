"""Writes into the caller's truth."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "Look at the caller's label maps after your function has run: something is written into one of them."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = (
        prediction.long().view(-1) if prediction.is_contiguous() else prediction.long().flatten(),
        truth.long().view(-1) if truth.is_contiguous() else truth.long().flatten(),
    )
    if ignore is not None:
        scored = truth != ignore
        prediction = prediction[scored]
        kept = truth[scored]
        truth[~scored] = 0
        truth = kept
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
