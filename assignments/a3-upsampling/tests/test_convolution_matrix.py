"""What `check("convolution_matrix")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def by_layer(kernel, n, *parameters):
    alone = torch.eye(kernel.shape[1] * n, dtype=kernel.dtype).view(-1, kernel.shape[1], n)
    return F.conv1d(alone, kernel, None, *parameters).flatten(1).T


def compare(student, kernel, n, *parameters):
    assert_close(student.convolution_matrix(kernel, n, *parameters), by_layer(kernel, n, *parameters))


def test_the_example(student):
    "The example of the text: rows start a stride apart, and weights that meet the padding are missing."
    wanted = torch.tensor([[2.0, 3, 0, 0, 0], [0, 1, 2, 3, 0], [0, 0, 0, 1, 2]])
    assert_close(student.convolution_matrix(torch.tensor([[[1.0, 2, 3]]]), 5, 2, 1), wanted)


def test_channels_by_example(student, rng):
    "There is a block for each pair of an output and an input channel."
    compare(student, normal(rng, 2, 3, 3), 6)


def test_stride_padding_and_dilation(student, rng):
    "Each parameter alone should give the matrix of F.conv1d."
    for parameters in ((3,), (1, 2), (1, 0, 2)):
        compare(student, normal(rng, 1, 1, 3), 8, *parameters)


def test_everything_else_is_zero(student):
    "Entries that no weight fills are zero, also beside an infinite weight."
    wanted = torch.tensor([[float("inf"), 1.0, 0.0], [0.0, float("inf"), 1.0]])
    assert_close(student.convolution_matrix(torch.tensor([[[float("inf"), 1.0]]]), 3), wanted)


def test_autograd_gets_through(student, rng):
    "Autograd should reach the kernel through your code: a weight sums up the gradients of all its entries."
    kernel = normal(rng, 2, 1, 2)
    compare(student, kernel, 4)
    (gradient,) = student.convolution_matrix.gradients(kernel, 4, upstream=torch.ones(6, 4))
    assert_close(gradient, torch.full((2, 1, 2), 3.0))


def test_refuses_what_is_no_convolution(student, rng):
    "A kernel that does not fit, a stride or dilation below 1 and a negative padding should raise a ValueError."
    kernel = normal(rng, 1, 1, 3)
    student.convolution_matrix(kernel, 3)  # so refusing everything does not pass
    for n, parameters in ((2, ()), (4, (1, 0, 2)), (5, (0,)), (5, (1, -1)), (5, (1, 0, 0))):
        assert_refuses(student.convolution_matrix, kernel, n, *parameters)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with channels, samples or weights: look for a loop."
    make = lambda n: (normal(rng, n, n + 1, n), 3 * n, 2, 1)  # noqa: E731
    loop_free(student.convolution_matrix, make, by_layer, sizes=(2, 4, 6))
