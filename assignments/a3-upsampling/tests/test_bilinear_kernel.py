"""What `check("bilinear_kernel")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free

THREE, TWO = torch.tensor([1.0, 2, 3, 2, 1]) / 3, torch.tensor([1.0, 3, 3, 1]) / 4


def test_an_odd_factor(student):
    "An odd factor f has an odd number of weights, 2f − 1, and a 1 stands at their centre."
    assert_close(student.bilinear_kernel((3, 3), 1), torch.outer(THREE, THREE)[None, None])


def test_an_even_factor(student):
    "An even factor f has 2f weights, and the centre lies between two of them."
    assert_close(student.bilinear_kernel((2, 2), 1), torch.outer(TWO, TWO)[None, None])


def test_a_pair(student):
    "A pair gives the vertical factor first; with factor 1 there is a single weight."
    assert_close(student.bilinear_kernel((2, 3), 1), torch.outer(TWO, THREE)[None, None])
    assert_close(student.bilinear_kernel((1, 2), 1), TWO.view(1, 1, 1, 4))


def test_one_number(student):
    "A single number is the factor of both axes."
    assert_close(student.bilinear_kernel(2, 1), torch.outer(TWO, TWO)[None, None])


def test_channels(student):
    "Each channel is enlarged by itself: weights between different channels are zero."
    wanted = torch.zeros(3, 3, 4, 5)
    wanted[range(3), range(3)] = torch.outer(TWO, THREE)
    assert_close(student.bilinear_kernel((2, 3), 3), wanted)


def test_refuses_what_makes_no_kernel(student):
    "A factor below 1, along either axis, and fewer than one channel should raise a ValueError."
    student.bilinear_kernel(1, 1)  # so refusing everything does not pass
    for call in ((0, 1), ((2, 0), 1), ((-1, 2), 1), (2, 0)):
        assert_refuses(student.bilinear_kernel, *call)


@pytest.mark.gate
def test_loops_nowhere(student):
    "The work should not grow with the factor or with the channels: look for a loop."

    def expected(factor, channels):
        line = 1 - (torch.arange(2 * factor).double() - factor + 0.5).abs() / factor
        return (torch.eye(channels)[:, :, None, None] * torch.outer(line, line)).float()

    loop_free(student.bilinear_kernel, lambda n: (2 * n, n), expected, sizes=(2, 4, 7))
