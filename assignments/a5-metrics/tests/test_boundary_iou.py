"""What `check("boundary_iou")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, integers, loop_free


def definition(prediction, truth, classes, width):
    """Pixel by pixel."""

    def region(labels):
        images, rows, columns = labels.shape
        found = set()
        for n in range(images):
            for i in range(rows):
                for j in range(columns):
                    window = labels[n, max(0, i - width) : i + width + 1, max(0, j - width) : j + width + 1]
                    if (window != labels[n, i, j]).any():
                        found.add((n, i, j, int(labels[n, i, j])))
        return found

    true, predicted = region(truth), region(prediction)
    scores = torch.full((classes,), torch.nan, dtype=torch.float64)
    for k in range(classes):
        a, b = ({pixel for pixel in pixels if pixel[3] == k} for pixels in (true, predicted))
        if a | b:
            scores[k] = len(a & b) / len(a | b)
    return scores


def compare(student, prediction, truth, classes, width):
    got = student.boundary_iou(prediction, truth, classes, width)
    assert_close(got, definition(prediction, truth, classes, width))


def test_the_example(student):
    "The example of the text: a region lies within the class, and the edge of the image is no outline."
    truth, prediction = torch.tensor([[[0, 0, 0, 1, 1, 1]]]), torch.tensor([[[0, 0, 1, 1, 1, 1]]])
    for width, score in ((1, 0), (2, 1 / 3)):
        expected = torch.tensor([score, score], dtype=torch.float64)
        assert_close(student.boundary_iou(prediction, truth, 2, width), expected)


def test_a_square(student):
    "A square that is shifted by one pixel along the diagonal."
    truth = torch.zeros(1, 9, 10, dtype=torch.int64)
    truth[0, 2:7, 2:7] = 1
    for width in (1, 2, 4):
        compare(student, truth.roll((1, 1), (1, 2)), truth, 2, width)


def test_several_classes_by_example(student, rng):
    "Each class has its own region, and a pixel is shared only where both maps give it the same class."
    blocks = integers(rng, 0, 3, 2, 3, 4).repeat_interleave(3, 1).repeat_interleave(3, 2)
    compare(student, blocks.roll(1, 2), blocks, 3, 1)


def test_nothing_to_compare_by_example(student):
    "A class without an outline in either map is NaN."
    ones = torch.ones(2, 3, 4, dtype=torch.int64)
    compare(student, ones, ones, 3, 2)
    compare(student, ones[:0], ones[:0], 2, 1)


def test_wide_regions(student, rng):
    "The width may be larger than the image, which may have a single row."
    compare(student, integers(rng, 0, 2, 2, 3, 4), integers(rng, 0, 2, 2, 3, 4), 2, 9)
    compare(student, integers(rng, 0, 2, 2, 1, 9), integers(rng, 0, 2, 2, 1, 9), 2, 5)


def test_refusals(student):
    "Unlike shapes, floating-point labels, labels outside and a width of 0 should raise a ValueError."
    labels = torch.tensor([[[0, 1], [1, 1]]])
    compare(student, labels, labels, 2, 1)  # so refusing everything does not pass
    for call in (
        *((labels, labels, 2, 0), (labels, labels[:, :1], 2, 1), (labels.float(), labels, 2, 1)),
        *((labels, labels, 1, 1), (labels, labels - 1, 2, 1), (labels * 2, labels, 2, 1)),
    ):
        assert_refuses(student.boundary_iou, *call)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, pixels, classes or the width: look for a loop over one of them."

    def maps(n, *shape):
        return integers(rng, 0, n, *shape), integers(rng, 0, n, *shape), n

    loop_free(student.boundary_iou, lambda n: (*maps(n, 1, 6, 7), 1), definition, (2, 4, 7))
    loop_free(student.boundary_iou, lambda n: (*maps(2, n, n + 2, n + 3), 1), definition, (2, 4, 6))
    loop_free(student.boundary_iou, lambda n: (*maps(2, 1, 12, 13), n), definition, (1, 3, 5))
