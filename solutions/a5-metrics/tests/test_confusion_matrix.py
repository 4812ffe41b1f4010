"""What `check("confusion_matrix")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, integers, loop_free


def definition(prediction, truth, classes, ignore=None):
    """Pair by pair."""
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for j, i in zip(prediction.flatten().tolist(), truth.flatten().tolist(), strict=True):
        if i != ignore:
            counts[i, j] += 1
    return counts


def test_the_example(student):
    "The example of the text: the truth chooses the row, the prediction the column, and counts are int64."
    truth, prediction = torch.tensor([0, 0, 1, 2, 1]), torch.tensor([0, 1, 1, 0, 2])
    assert_close(student.confusion_matrix(prediction, truth, 3), torch.tensor([[1, 1, 0], [0, 1, 1], [1, 0, 0]]))


def test_ignored_pixels(student):
    "Only the truth says which pixels are ignored, and a prediction that equals the number counts as any other."
    truth, prediction = torch.tensor([0, 0, 1, 2, 1]), torch.tensor([0, 1, 1, 0, 2])
    assert_close(student.confusion_matrix(prediction, truth, 3, 1), torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 0]]))
    void = torch.tensor([0, 9, 1, 2, 9])
    assert_close(
        student.confusion_matrix(prediction, void, 3, ignore=9), torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    )


def test_images(student, rng):
    "The maps may have any number of axes, and need not lie contiguously in memory."
    truth, prediction = integers(rng, 0, 4, 2, 5, 6), integers(rng, 0, 4, 2, 5, 6)
    assert_close(student.confusion_matrix(prediction, truth, 4), definition(prediction, truth, 4))
    turned = truth.transpose(1, 2), prediction.transpose(1, 2)
    assert_close(student.confusion_matrix(turned[1], turned[0], 4), definition(prediction, truth, 4))


def test_classes_that_do_not_occur_by_example(student):
    "A class that does not occur has a row and a column of zeros."
    nothing = torch.zeros(2, 2, dtype=torch.int64)
    assert_close(student.confusion_matrix(nothing, nothing, 3), torch.tensor([[4, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert_close(student.confusion_matrix(nothing[:0], nothing[:0], 2), torch.zeros(2, 2).long())


def test_small_integers(student, rng):
    "Labels of 8 bits are widened before anything is multiplied, and the number to ignore is compared as a number."
    truth, prediction = (integers(rng, 200, 256, 5, 9, dtype=torch.uint8) for _ in range(2))
    expected = definition(prediction, truth, 256)
    assert_close(student.confusion_matrix(prediction, truth, 256), expected)
    truth[0, 0] = 255
    expected = definition(prediction, truth, 256)
    assert_close(student.confusion_matrix(prediction, truth, 256, -1), expected)


def test_refusals(student):
    "Unlike shapes, floating-point labels and labels outside the classes, in either map, should raise a ValueError."
    inside, outside = torch.tensor([0, 1, 1]), torch.tensor([0, 2, 1])
    student.confusion_matrix(inside, inside, 2)  # so refusing everything does not pass
    for prediction, truth in (
        *((inside, outside), (outside, inside), (inside - 1, inside), (inside, inside - 1)),
        *((inside.float(), inside), (inside, inside.float()), (inside[:1], inside), (inside, inside[None])),
    ):
        assert_refuses(student.confusion_matrix, prediction, truth, 2)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with pixels or classes: look for a loop over one of them."
    pixels = lambda n: (integers(rng, 0, 3, n, 2 * n), integers(rng, 0, 3, n, 2 * n), 3)  # noqa: E731
    classes = lambda n: (integers(rng, 0, n, 4, 9), integers(rng, 0, n, 4, 9), n)  # noqa: E731
    loop_free(student.confusion_matrix, pixels, definition)
    loop_free(student.confusion_matrix, classes, definition)
