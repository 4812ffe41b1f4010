"""The chapter's cell, with void written into it."""

FAILS = {"confusion_matrix": "error"}
HINT = (
    "The function in the chapter knows one fixed label to leave out and checks nothing: compare it with what the "
    "text asks for."
)


VOID = 255


def confusion_matrix(prediction, truth, classes, ignore=None):
    scored = truth != VOID
    entry = classes * truth[scored] + prediction[scored]
    counted = entry.bincount(minlength=classes**2)
    return counted.reshape(classes, classes)
