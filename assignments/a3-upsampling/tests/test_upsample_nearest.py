"""What `check("upsample_nearest")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, integers, loop_free, normal


def test_the_example(student):
    "The example of the text: the copies of one value are neighbours."
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    wanted = torch.tensor([[[[1.0, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]]]])
    assert_close(student.upsample_nearest(x, (1, 3)), wanted)


def test_one_factor_for_both_axes_by_example(student, rng):
    "A single number is the factor of both axes."
    x = normal(rng, 2, 3, 4, 5)
    assert_close(student.upsample_nearest(x, 3), F.interpolate(x, scale_factor=3))


def test_labels_by_example(student, rng):
    "Labels are whole numbers and should stay what they are, in value and in dtype."
    labels = integers(rng, 0, 10**17, 2, 1, 3, 4)
    assert_close(student.upsample_nearest(labels, (2, 1)), labels[:, :, [0, 0, 1, 1, 2, 2]])


def test_autograd_gets_through(student, rng):
    "Autograd should reach the map through your code, and the gradient of a value is the sum over its block."
    x = normal(rng, 1, 2, 3, 4)
    assert_close(student.upsample_nearest(x, (2, 2)), F.interpolate(x, scale_factor=2))
    (gradient,) = student.upsample_nearest.gradients(x, (2, 2), upstream=torch.ones(1, 2, 6, 8))
    assert_close(gradient, torch.full((1, 2, 3, 4), 4.0))


def test_no_images(student):
    "A batch of no images is still a batch."
    assert_close(student.upsample_nearest(torch.zeros(0, 2, 3, 4), 2), torch.zeros(0, 2, 6, 8))


def test_refuses_factors_below_one_by_example(student, rng):
    "A factor below 1, along either axis, should raise a ValueError."
    x = normal(rng, 1, 1, 2, 2)
    student.upsample_nearest(x, 1)  # so refusing everything does not pass
    for factor in (0, (0, 1), (1, -1)):
        assert_refuses(student.upsample_nearest, x, factor)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the map or with the factor: look for a loop."
    expected = lambda x, factor: F.interpolate(x, scale_factor=factor)  # noqa: E731
    loop_free(student.upsample_nearest, lambda n: (normal(rng, n, n, 2 * n, 3), n), expected, sizes=(2, 4, 7))
