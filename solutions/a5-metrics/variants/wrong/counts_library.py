"""Calls the course's own library."""

FAILS = {"confusion_matrix": "error"}
HINT = "This exercise asks you to count by yourself: the course's library is off limits here."


def confusion_matrix(prediction, truth, classes, ignore=None):
    from pixelwise import metrics

    return metrics.confusion(prediction, truth, classes, -1 if ignore is None else ignore)
