"""Adds ones to the entries of the matrix by two indices, with a row more for what is ignored."""

import torch

SOLVES = ("confusion_matrix",)


def confusion_matrix(prediction, truth, classes, ignore=None):
    if tuple(prediction.shape) != tuple(truth.shape):
        raise ValueError
    if "float" in str(prediction.dtype) + str(truth.dtype):
        raise ValueError
    rows, columns = truth.to(torch.int64), prediction.to(torch.int64)
    if ignore is not None:
        void = rows == ignore
        rows, columns = rows.masked_fill(void, classes), columns.masked_fill(void, 0)
        wrong = (rows > classes) | ((rows == classes) & ~void)
    else:
        wrong = rows >= classes
    if bool((wrong | (rows < 0) | (columns < 0) | (columns >= classes)).any()):
        raise ValueError
    counts = torch.zeros(classes + 1, classes, dtype=torch.int64)
    counts.index_put_((rows, columns), torch.tensor(1), accumulate=True)
    return counts[:classes]
