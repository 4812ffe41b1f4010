"""What `check("max_pool2d")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Mismatch, assert_close, assert_refuses, loop_free, normal


def compare(student, which, x, *args):
    """Compare the values (0) or the indices (1)."""
    got, wanted = student.max_pool2d(x, *args), F.max_pool2d(x, *args, return_indices=True)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of values and indices", got, wanted)
    assert_close(got[which], wanted[which])


def test_the_largest_of_each_window(student, rng):
    "Each output is the largest pixel of its window; without a stride, windows lie edge to edge."
    compare(student, 0, normal(rng, 2, 2, 6, 8), 2)
    compare(student, 0, normal(rng, 1, 2, 6, 7), (2, 3))


def test_where_it_was(student, rng):
    "The index counts along the whole plane, row × W + column, and not within the window."
    compare(student, 1, normal(rng, 2, 2, 4, 6), 2)


def test_windows_that_overlap(student, rng):
    "A stride smaller than the kernel makes windows overlap, and then one pixel may win twice."
    compare(student, 0, normal(rng, 1, 2, 7, 8), 3, (1, 2))
    compare(student, 1, normal(rng, 1, 2, 7, 8), 3, (1, 2))


def test_dark_images(student, rng):
    "On an image that is negative everywhere, padding with zeros would win: pad with what is smaller than every number."
    compare(student, 0, -normal(rng, 1, 2, 5, 5).abs() - 0.1, 3, 2, 1)


def test_nothing_but_minus_infinity(student):
    "Where all pixels are −∞ the first of them wins, and not the padding, which has no index."
    compare(student, 1, torch.full((1, 1, 4, 5), -float("inf")), 3, 2, 1)


def test_indices_ignore_the_padding(student, rng):
    "The index is one of the image as it came: subtract the padding, and count with its own width."
    compare(student, 1, normal(rng, 1, 2, 6, 5), (2, 3), 1, (1, 1))


def test_ties(student):
    "Among equal pixels the first wins, reading the window row by row."
    compare(student, 1, torch.ones(1, 1, 6, 6), 3)


def test_refuses_wide_padding(student, rng):
    "Padding by more than half of the kernel should raise a ValueError."
    student.max_pool2d(normal(rng, 1, 1, 6, 6), 2, 2, 1)  # allowed, so refusing everything does not pass
    for kernel, padding in ((2, 2), ((4, 2), (1, 2)), ((2, 4), (2, 1))):
        assert_refuses(student.max_pool2d, normal(rng, 1, 1, 6, 6), kernel, 2, padding)


@pytest.mark.gate
def test_looks_at_all_windows_at_once(student, rng):
    "The work should not grow with the input: look for a loop over images, channels or windows, also a hidden one."
    expected = lambda x, size: F.max_pool2d(x, size, return_indices=True)  # noqa: E731
    loop_free(student.max_pool2d, lambda n: (normal(rng, n, n, 8, 6), 2), expected, sizes=(2, 4, 8))
    loop_free(student.max_pool2d, lambda n: (normal(rng, 1, 2, 3 * n, 2 * n), n), expected, sizes=(2, 4, 7))
