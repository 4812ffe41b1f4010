"""Drops pixels whose labels are outside the classes."""

FAILS = {"confusion_matrix": "wrong"}
HINT = "Labels outside the classes disappear without a word in your code: the text asks for an error there."


def confusion_matrix(prediction, truth, classes, ignore=None):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    prediction, truth = prediction.long().flatten(), truth.long().flatten()
    if ignore is not None:
        scored = truth != ignore
        prediction, truth = prediction[scored], truth[scored]
    inside = (truth >= 0) & (truth < classes) & (prediction >= 0) & (prediction < classes)
    prediction, truth = prediction[inside], truth[inside]
    return (truth * classes + prediction).bincount(minlength=classes**2).view(classes, classes)
