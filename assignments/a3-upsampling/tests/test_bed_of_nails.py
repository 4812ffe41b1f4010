"""What `check("bed_of_nails")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def cells(x, sh, sw, oh=0, ow=0):
    y = x.new_zeros(*x.shape[:2], x.shape[2], sh, x.shape[3], sw)
    y[:, :, :, oh, :, ow] = x
    return y.flatten(2, 3).flatten(3)


def test_the_example(student):
    "The example of the text: the upper left corner unless there is an offset."
    x = torch.tensor([[[[1.0, 2.0]]]])
    assert_close(student.bed_of_nails(x, (2, 3)), torch.tensor([[[[1.0, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0]]]]))
    wanted = torch.tensor([[[[0.0, 0, 0, 0, 0, 0], [1, 0, 0, 2, 0, 0]]]])
    assert_close(student.bed_of_nails(x, (2, 3), (1, 0)), wanted)


def test_one_number_for_both_axes(student, rng):
    "Stride and offset may be single numbers, each for both axes."
    x = normal(rng, 2, 3, 3, 4)
    assert_close(student.bed_of_nails(x, 3), cells(x, 3, 3))
    assert_close(student.bed_of_nails(x, 3, 1), cells(x, 3, 3, 1, 1))
    assert_close(student.bed_of_nails(x, (2, 3), 1), cells(x, 2, 3, 1, 1))


def test_beside_an_infinity(student):
    "Zeros are zeros, also beside an infinity."
    x = torch.tensor([[[[float("inf"), 1.0]]]])
    assert_close(student.bed_of_nails(x, (1, 2)), torch.tensor([[[[float("inf"), 0.0, 1.0, 0.0]]]]))


def test_autograd_gets_through(student, rng):
    "Autograd should reach the map through your code: a value has the gradient of its own place."
    x, upstream = normal(rng, 1, 2, 2, 3), normal(rng, 1, 2, 4, 9)
    assert_close(student.bed_of_nails(x, (2, 3)), cells(x, 2, 3))
    assert_close(student.bed_of_nails.gradients(x, (2, 3), upstream=upstream), [upstream[:, :, ::2, ::3]])


def test_refuses_what_makes_no_cell(student, rng):
    "A stride below 1 and an offset outside of the cell should raise a ValueError, along either axis."
    x = normal(rng, 1, 1, 2, 2)
    student.bed_of_nails(x, (2, 3), (1, 2))  # so refusing everything does not pass
    for parameters in ((0,), ((2, 0),), ((2, 3), (2, 0)), ((3, 2), 2), (2, (0, -1))):
        assert_refuses(student.bed_of_nails, x, *parameters)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the map or with the stride: look for a loop."
    make = lambda n: (normal(rng, n, n, 2 * n, 3), (n, 2))  # noqa: E731
    loop_free(student.bed_of_nails, make, lambda x, stride: cells(x, *stride), sizes=(2, 4, 7))
