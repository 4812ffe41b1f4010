"""What `check("output_size")` tries."""

import re

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Failure, assert_close, assert_refuses, loop_free


def test_a_window_on_a_line(student):
    "A window of k pixels has n − k + 1 places on n pixels: its first place counts too."
    assert_close(student.output_size(7, 3), 5)
    assert_close(student.output_size(28, 5), 24)


def test_stride_rounds_down(student):
    "The last step is only taken if the whole window stays inside, so the division rounds down."
    assert_close(student.output_size(7, 3, 2), 3)
    assert_close(student.output_size(8, 3, 2), 3)
    assert_close(student.output_size(9, 3, 2), 4)


def test_padding_is_on_both_sides(student):
    "Padding adds p pixels at each of the two ends."
    assert_close(student.output_size(5, 3, p=1), 5)
    assert_close(student.output_size(224, 7, 2, 3), 112)


def test_dilation_reaches_further(student):
    "Between k pixels there are k − 1 gaps, and dilation makes each of them d wide."
    assert_close(student.output_size(9, 3, d=2), 5)
    assert_close(student.output_size(19, 4, 2, 1, 3), 6)


def test_refuses_what_cannot_be(student):
    "Where no window fits, or the stride is zero, no number is right: raise a ValueError."
    student.output_size(3, 3)  # fits, so refusing everything does not pass
    for values in ((4, 11), (6, 5, 1, 0, 2), (8, 3, 0)):
        assert_refuses(student.output_size, *values)


def test_says_why(student):
    "The ValueError should say in a sentence what is wrong."
    student.output_size(5, 5)
    if not re.search(r"\w+ \w+", assert_refuses(student.output_size, 5, 12)):
        raise Failure("the message of the ValueError is no sentence")


def test_numbers_beyond_64_bits(student):
    "Python's whole numbers may be as large as you like; those of PyTorch and NumPy end at 64 bits."
    assert_close(student.output_size(2**66, 1, 2**65), 2)


@pytest.mark.gate
def test_divides_instead_of_counting(student):
    "The work should not grow with the axis: divide, do not count the windows one by one."

    def pixels(n, k, s):
        return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s).shape[-1]

    loop_free(student.output_size, lambda n: (n, 4, 3), pixels, sizes=(16, 64, 256))
