"""Ignored pixels are put into class 0 and counted."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "Pixels that are ignored probably still take part, under another label: look at what you put in their place."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction.where(scored, 0), truth.where(scored, 0)
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
