"""What `check("max_unpool2d")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def pooled(x, *window):
    return (*F.max_pool2d(x, *window, return_indices=True), tuple(x.shape[2:]))


def test_the_example(student):
    "The example of the text: an index is row × W + column, and a negative value stays negative."
    got = student.max_unpool2d(torch.tensor([[[[5.0, -7.0]]]]), torch.tensor([[[[1, 3]]]]), (2, 3))
    assert_close(got, torch.tensor([[[[0.0, 5, 0], [-7, 0, 0]]]]))


def test_after_pooling_by_example(student, rng):
    "What max pooling gives comes back to where it was, in each channel of each image by itself."
    values, indices, size = pooled(normal(rng, 2, 3, 6, 8).abs() + 0.1, 2)
    assert_close(student.max_unpool2d(values, indices, size), F.max_unpool2d(values, indices, 2))


def test_windows_that_overlap_by_example(student, rng):
    "A pixel that is the largest of several windows comes back once: values are not added up."
    x = normal(rng, 1, 2, 6, 7).abs() + 0.1
    values, indices, size = pooled(x, 3, 1)
    won = torch.zeros(1, 2, 42).scatter(2, indices.flatten(2), 1.0).view(x.shape)
    assert_close(student.max_unpool2d(values, indices, size), x * won)


def test_the_largest_stays_by_example(student):
    "Where an index comes several times the largest of its values stays, also if all of them are negative."
    indices = torch.tensor([[[[2, 0, 2], [0, 0, 2]]]])
    values = torch.tensor([[[[1.0, 7, 3], [9, 8, 2]]]])
    assert_close(student.max_unpool2d(values, indices, (1, 3)), torch.tensor([[[[9.0, 0, 3]]]]))
    assert_close(student.max_unpool2d(-values, indices, (1, 3)), torch.tensor([[[[-7.0, 0, -1]]]]))


def test_minus_infinity(student):
    "The value −∞ is put back, and empty places are zero."
    got = student.max_unpool2d(torch.tensor([[[[-float("inf")]]]]), torch.tensor([[[[1]]]]), (1, 3))
    assert_close(got, torch.tensor([[[[0.0, -float("inf"), 0.0]]]]))


def test_autograd_gets_through(student, rng):
    "Autograd should reach the values through your code: each has the gradient of its place."
    values, indices, size = pooled(normal(rng, 1, 2, 4, 6).abs() + 0.1, 2)
    upstream = normal(rng, 1, 2, 4, 6)
    assert_close(student.max_unpool2d(values, indices, size), F.max_unpool2d(values, indices, 2))
    wanted = upstream.flatten(2).gather(2, indices.flatten(2)).view(values.shape)
    assert_close(student.max_unpool2d.gradients(values, indices, size, upstream=upstream)[0], wanted)


def test_no_images(student):
    "A batch of no images is still a batch."
    nothing = torch.zeros(0, 2, 2, 2)
    assert_close(student.max_unpool2d(nothing, nothing.long(), (4, 4)), torch.zeros(0, 2, 4, 4))


def test_refuses_what_does_not_belong_together(student, rng):
    "Other shapes and indices outside of the plane should raise a ValueError."
    values, indices, size = pooled(normal(rng, 1, 2, 4, 6), 2)
    student.max_unpool2d(values, indices, size)  # so refusing everything does not pass
    assert_refuses(student.max_unpool2d, values, indices[:, :1], size)
    assert_refuses(student.max_unpool2d, values, indices.transpose(2, 3), size)
    for outside in (24, -1):
        assert_refuses(student.max_unpool2d, values, torch.full_like(indices, outside), size)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the input: look for a loop over images, channels, values or places."
    expected = lambda values, indices, size: F.max_unpool2d(values, indices, 2)  # noqa: E731
    make = lambda n: pooled(normal(rng, n, n, 2 * n, 4 * n), 2)  # noqa: E731
    loop_free(student.max_unpool2d, make, expected, sizes=(2, 4, 6))
