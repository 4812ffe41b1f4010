"""Checks the numbers of pairs, not the labels."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "A label outside can make the number of another pair: look at what exactly you compare with the largest allowed."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    pairs = truth * classes + prediction
    if pairs.numel() and (pairs.min() < 0 or pairs.max() >= classes**2):
        raise ValueError("a label is outside")
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
