"""Hidden suite: the number of windows along one axis, against the number of views that PyTorch finds of it."""

import re

import pytest
import torch

from autograder.suite import Failure, assert_close, assert_refuses, assert_right_when_large, integers, loop_free


def draw(rng, low, high):
    return int(integers(rng, low, high))


def measured(n, k, s=1, p=0, d=1):
    return torch.empty(n + 2 * p).unfold(0, d * (k - 1) + 1, s).shape[0]


@pytest.mark.points(2)
def test_every_position_counts(student, rng):
    "With stride 1 the window also stands at its first and its last position: count the positions, not the steps."
    for _ in range(5):
        n, k = draw(rng, 30, 60), draw(rng, 2, 12)
        assert_close(student.output_size(n, k), measured(n, k))


@pytest.mark.points(2)
def test_hanging_windows_are_left_out(student, rng):
    "A last window that would hang over the edge does not count: the division rounds down, for every remainder."
    n, k, s = draw(rng, 40, 60), draw(rng, 3, 6), draw(rng, 4, 8)
    for more in range(s):
        assert_close(student.output_size(n + more, k, s), measured(n + more, k, s))


@pytest.mark.points(2)
def test_padding_counts_at_both_ends(student, rng):
    "Padding adds its pixels at both ends of the axis, and the window may start in it."
    for p in (1, 2, 5):
        n, k = draw(rng, 12, 30), draw(rng, 2, 9)
        assert_close(student.output_size(n, k, p=p), measured(n, k, p=p))


def test_a_window_longer_than_the_axis(student, rng):
    "Padding may make room for a window that is longer than the axis, also for one on an axis without any pixels."
    n, p = draw(rng, 2, 9), draw(rng, 3, 9)
    assert_close(student.output_size(n, n + p, 1, p), p + 1)
    assert_close(student.output_size(0, p, 1, p), p + 1)


@pytest.mark.points(2)
def test_dilation_stretches_the_gaps(student, rng):
    "Dilation stretches the gaps between the window's pixels, of which there is one fewer than pixels."
    for d in (2, 3, 5):
        n, k = draw(rng, 30, 50), draw(rng, 2, 6)
        assert_close(student.output_size(n, k, d=d), measured(n, k, d=d))


def test_one_pixel_windows(student, rng):
    "A window of one pixel has no gaps, so dilation should not change how far it reaches."
    n, s, d = draw(rng, 20, 50), draw(rng, 2, 5), draw(rng, 2, 9)
    for more in range(s):
        assert_close(student.output_size(n + more, 1, s, d=d), measured(n + more, 1, s, d=d))


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right on its own, but together they are not: write the formula once, with all five in it."
    for k, s, p, d, left_over in (
        (2, 2, 1, 3, 1),
        (5, 3, 2, 1, 2),
        (3, 4, 0, 2, 0),
        (1, 3, 2, 4, 1),
        (4, 1, 3, 2, 0),
        (3, 5, 1, 4, 3),
        (7, 2, 4, 3, 0),
    ):
        n = d * (k - 1) + 1 - 2 * p + s * draw(rng, 3, 20) + left_over
        assert_close(student.output_size(n, k, s, p, d), measured(n, k, s, p, d))


@pytest.mark.points(2)
def test_an_exact_fit_is_one_window(student, rng):
    "A window exactly as long as the padded axis fits once, whatever the stride."
    k, d, p = draw(rng, 5, 9), draw(rng, 2, 5), draw(rng, 1, 3)
    n = d * (k - 1) + 1 - 2 * p
    assert_close(student.output_size(n, k, draw(rng, 2, 9), p, d), 1)


def test_long_strides(student, rng):
    "A stride longer than the axis still leaves the first window."
    n, k = draw(rng, 15, 40), draw(rng, 2, 9)
    assert_close(student.output_size(n, k, n + draw(rng, 1, 99)), 1)


@pytest.mark.points(2)
def test_large_numbers_stay_exact(student, rng):
    "Whole numbers should stay whole: a division through floating point loses digits when numbers are large."
    s = 2**58 + draw(rng, 1, 10**6)
    k = draw(rng, 2, 9)
    assert_close(student.output_size(5 * s + k - 1, k, s), 5)
    assert_close(student.output_size(5 * s + k, k, s), 6)


def test_numbers_of_any_size_stay_exact(student, rng):
    "Python's whole numbers have no largest one: no number should be too large, as they are for PyTorch and NumPy."
    s, k = 2**70, draw(rng, 2, 9)
    assert_close(student.output_size(7 * s + k, k, s), 8)


@pytest.mark.points(2)
def test_refuses_windows_that_do_not_fit(student, rng):
    "A window that reaches further than the padded axis fits nowhere, and saying so beats returning zero or less."
    k, d, p = draw(rng, 3, 9), draw(rng, 2, 4), draw(rng, 1, 3)
    n = 2 * p + draw(rng, 1, 5)
    reach = d * (k - 1) + 1
    student.output_size(reach, k, 1, 0, d)  # fits, so refusing everything does not pass
    for values in ((k - 1, k), (reach - 1, k, 1, 0, d), (n, n + 2 * p + 1, 2, p), (1, 9 * n, 10 * n)):
        assert_refuses(student.output_size, *values)


@pytest.mark.points(2)
def test_refuses_parameters_without_a_meaning(student, rng):
    "A window without pixels, a stride or dilation less than 1 or a negative padding should raise a ValueError."
    n = draw(rng, 20, 40)
    student.output_size(n, 3)
    for values in (
        (n, 0),
        (n, 3, 0),
        (n, 3, -2),
        (n, 3, 1, -1),
        (n, 3, 1, 0, 0),
        (n, 3, 1, 2, -1),
        (n, -2),
        (n, n, -1),
        (n, n + 9, -2),
        (n, 1, 1, 0, 0),
    ):
        assert_refuses(student.output_size, *values)


def test_refusals_say_why(student, rng):
    "The message of a ValueError should say in a sentence what is wrong, for whoever reads it far away from here."
    n = draw(rng, 20, 40)
    student.output_size(n, n)
    for values in ((n, n + 3), (n, 0), (n, 3, 0), (n, 3, 1, -1), (n, 3, 1, 0, 0)):
        if not re.search(r"\w+ \w+", assert_refuses(student.output_size, *values)):
            raise Failure("the message of the ValueError is no sentence")


@pytest.mark.gate
def test_long_axes(student, rng):
    "What is right for short axes is right for long ones, by the same division: no counting is looked for in these."
    small = (draw(rng, 30, 60), draw(rng, 2, 12))
    assert_right_when_large(student.output_size, measured, [small], [(384, 3), (383, 4)])


@pytest.mark.gate
def test_no_counting(student, rng):
    "The work should not grow with the axis: divide, do not count the windows one by one."
    loop_free(student.output_size, lambda n: (n, 3, 2, 1, 2), measured, (24, 96, 384), [lambda: (10**6, 3, 2, 1, 2)])
