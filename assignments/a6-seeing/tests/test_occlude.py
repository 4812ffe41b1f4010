"""What `check("occlude")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def definition(x, size, stride=1, fill=0.0):
    """Square by square, for a square of one number and a fill that is a number."""
    rows, columns = (sorted({*range(0, n - size + 1, stride), n - size}) for n in x.shape[2:])
    images = []
    for top in rows:
        for left in columns:
            images.append(x.clone())
            images[-1][:, :, top : top + size, left : left + size] = fill
    return torch.stack(images, 1)


def test_the_example(student):
    "The example of the text: two positions in a row of three pixels."
    x = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    expected = torch.tensor([[0.0, 0.0, 3.0], [1.0, 0.0, 0.0]]).view(1, 2, 1, 1, 3)
    assert_close(student.occlude(x, (1, 2)), expected)


def test_positions_by_example(student, rng):
    "Rows and columns of positions, with strides that end at the edge and strides that do not."
    x = normal(rng, 2, 2, 6, 7)
    for stride in (1, 2, 3):
        assert_close(student.occlude(x, 3, stride), definition(x, 3, stride))


def test_pairs_by_example(student):
    "A pair is (vertical, horizontal)."
    x = torch.arange(1.0, 7).view(1, 1, 2, 3)
    expected = torch.tensor([[[0.0, 2, 3], [0, 5, 6]], [[1, 0, 3], [4, 0, 6]], [[1, 2, 0], [4, 5, 0]]])
    assert_close(student.occlude(x, (2, 1), (2, 1)), expected.view(1, 3, 1, 2, 3))


def test_fills_by_example(student):
    "A number, a value for each channel, and the mean of each image and channel."
    x = torch.tensor([[[1.0, 3.0]], [[5.0, 9.0]]])[None]
    for fill, values in ((2.5, (2.5, 2.5)), (torch.tensor([8.0, -8.0]), (8.0, -8.0)), (None, (2.0, 7.0))):
        expected = x[:, None].repeat(1, 2, 1, 1, 1)
        for channel, value in enumerate(values):
            expected[0, 0, channel, 0, 0] = expected[0, 1, channel, 0, 1] = value
        assert_close(student.occlude(x, 1, 1, fill), expected)


def test_covered_pixels_are_gone(student):
    "A NaN that is covered is gone."
    x = torch.tensor([torch.nan, 1.0]).view(1, 1, 1, 2)
    expected = torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]).view(1, 2, 1, 1, 2)
    assert_close(student.occlude(x, 1), expected)


def test_refusals(student, rng):
    "Squares that do not fit, gaps and fills of another shape should raise a ValueError; what fits should be right."
    x = normal(rng, 1, 2, 3, 5)
    assert_close(student.occlude(x, 3), definition(x, 3))  # so refusing everything does not pass
    for args in ((4,), (0,), (2, 3), (2, 0), (2, 1, torch.ones(3))):
        assert_refuses(student.occlude, x, *args)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, channels or positions: look for a loop over one of them."
    loop_free(student.occlude, lambda n: (normal(rng, n, n, 3, 3), 2), definition, (2, 4, 7))
    loop_free(student.occlude, lambda n: (normal(rng, 1, 1, n, n + 1), 2), definition, (3, 5, 8))
