"""Hidden suite: the bed of nails, against its definition, written with one index for each place."""

import pytest
import torch

from autograder.suite import (
    Failure,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    normal,
    scattered,
)


def definition(x, stride, offset=0):
    (sh, sw), (oh, ow) = ((v, v) if isinstance(v, int) else v for v in (stride, offset))
    y = torch.zeros(*x.shape[:2], sh * x.shape[2], sw * x.shape[3], dtype=x.dtype)
    rows, columns = torch.arange(x.shape[2]) * sh + oh, torch.arange(x.shape[3]) * sw + ow
    y[:, :, rows[:, None], columns] = x
    return y


def compare(student, x, *parameters):
    assert_close(student.bed_of_nails(x, *parameters), definition(x, *parameters))


@pytest.mark.points(2)
def test_the_upper_left_corner(student, rng):
    "Without an offset a value stands in the upper left corner of its cell, and zeros follow it on the right and below."
    compare(student, normal(rng, 2, 3, 4, 5), (2, 2))
    compare(student, normal(rng, 1, 2, 3, 3), (3, 3))


@pytest.mark.points(2)
def test_a_stride_for_each_axis(student, rng):
    "A pair gives the vertical stride first and the horizontal one second; each spreads its own axis."
    for stride in ((3, 1), (1, 4), (2, 5)):
        compare(student, normal(rng, 2, 2, 4, 3), stride)


def test_one_stride_for_both_axes(student, rng):
    "A single number is the stride of both axes."
    for stride in (2, 3, 7):
        compare(student, normal(rng, 2, 2, 3, 4), stride)


@pytest.mark.points(2)
def test_an_offset_for_each_axis(student, rng):
    "A pair gives the vertical offset first and the horizontal one second: it is the value's place in its cell."
    for offset in ((1, 0), (0, 2), (2, 1)):
        compare(student, normal(rng, 2, 2, 3, 4), (3, 3), offset)


def test_one_offset_for_both_axes(student, rng):
    "A single number is the offset of both axes, and the stride may be a pair beside it."
    compare(student, normal(rng, 2, 2, 3, 4), (3, 4), 2)
    compare(student, normal(rng, 2, 2, 3, 4), 4, (3, 1))


def test_stride_one(student, rng):
    "The stride 1 leaves no room for zeros, and is a stride all the same."
    compare(student, normal(rng, 2, 3, 4, 5), (1, 1))


def test_whole_numbers(student, rng):
    "Whole numbers and truth values keep their dtype, and no arithmetic may round them, however large they are."
    compare(student, 2**62 + integers(rng, 0, 999, 1, 1, 3, 3), (3, 2))
    compare(student, integers(rng, 1, 256, 1, 2, 3, 3, dtype=torch.uint8), (2, 3))
    compare(student, integers(rng, 0, 2, 1, 2, 3, 3, dtype=torch.bool), (2, 3))


def test_other_precisions(student, rng):
    "The result has the dtype of the input and exactly its values, in double and in half precision."
    compare(student, normal(rng, 1, 2, 3, 4, dtype=torch.float64), (2, 3))
    compare(student, normal(rng, 1, 2, 3, 4, dtype=torch.float16), (2, 3))


def test_zeros_beside_the_infinite(student, rng):
    "Beside an infinity or a NaN there are zeros as everywhere: whoever multiplies with zero gets NaN there."
    x = normal(rng, 1, 2, 4, 4)
    x[0, 0, 1, 1], x[0, 0, 2, 3], x[0, 1, 3, 0] = float("inf"), float("nan"), -float("inf")
    compare(student, x, (2, 3))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 4, 5)), (2, 3))
    compare(student, normal(rng, 5, 4, 3, 2).permute(3, 2, 1, 0), (2, 3))
    compare(student, normal(rng, 1, 2, 4, 1).expand(3, 2, 4, 5), (3, 2))


def test_leaves_its_input_alone(student, rng):
    "The map should be afterwards what it was before, in its values and in its shape."
    assert_untouched(student.bed_of_nails, normal(rng, 2, 2, 3, 4), (2, 3))
    assert_untouched(student.bed_of_nails, normal(rng, 1, 2, 3, 4, dtype=torch.float64), (1, 1))


def test_ones_everywhere(student, rng):
    "One image, one channel, one row or one column are axes of length one and should not disappear."
    for shape in ((1, 1, 1, 1), (1, 1, 1, 5), (3, 1, 4, 1)):
        compare(student, normal(rng, *shape), (2, 3))


def test_empty_batch(student):
    "A batch of no images gives a batch of no images; PyTorch cannot guess a length (-1) when there is nothing."
    assert_close(student.bed_of_nails(torch.zeros(0, 3, 4, 5), (2, 3)), torch.zeros(0, 3, 8, 15))


def test_many_channels(student, rng):
    "A map may have hundreds of channels."
    compare(student, normal(rng, 1, 300, 2, 3), (2, 3))


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, a value should have the gradient of its own place, and of no other place of its cell."
    x, upstream = normal(rng, 2, 3, 4, 5), normal(rng, 2, 3, 8, 15)
    compare(student, x, (2, 3))
    assert_close(student.bed_of_nails.gradients(x, (2, 3), upstream=upstream), [upstream[:, :, ::2, ::3]])


def test_gradients_with_an_offset(student, rng):
    "Once values are right with an offset, so should the gradients be: they come from the place of the offset."
    x, upstream = normal(rng, 1, 2, 3, 4), normal(rng, 1, 2, 9, 8)
    compare(student, x, (3, 2), (2, 1))
    assert_close(student.bed_of_nails.gradients(x, (3, 2), (2, 1), upstream=upstream), [upstream[:, :, 2::3, 1::2]])


def test_gradients_with_stride_one(student, rng):
    "Once values are right, gradients should come through a stride of 1 as well."
    x, upstream = normal(rng, 2, 2, 3, 4), normal(rng, 2, 2, 3, 4)
    compare(student, x, (1, 1))
    assert_close(student.bed_of_nails.gradients(x, (1, 1), upstream=upstream), [upstream])


def test_gradients_beside_the_infinite(student, rng):
    "Once values are right, a gradient that is infinite or NaN at an empty place reaches no value."
    x, upstream = normal(rng, 1, 1, 3, 4), normal(rng, 1, 1, 6, 12)
    compare(student, x, (2, 3))
    upstream[0, 0, 1, 1], upstream[0, 0, 3, 5] = float("inf"), float("nan")
    (gradient,) = student.bed_of_nails.gradients(x, (2, 3), upstream=upstream)
    if not isinstance(gradient, torch.Tensor) or gradient.isnan().any():
        raise Failure("a gradient is NaN")
    assert_close(gradient, upstream[:, :, ::2, ::3])


def test_refuses_strides_below_one(student, rng):
    "A stride below 1, along either axis, should raise a ValueError."
    x = normal(rng, 1, 2, 3, 4)
    student.bed_of_nails(x, (1, 1))  # so refusing everything does not pass
    for stride in (0, -1, (0, 2), (2, 0), (-2, 1), (1, -3)):
        assert_refuses(student.bed_of_nails, x, stride)


def test_refuses_offsets_outside_of_the_cell(student, rng):
    "An offset outside of its cell, along either axis, negative or too large, should raise a ValueError."
    x = normal(rng, 1, 2, 3, 4)
    student.bed_of_nails(x, (2, 3), (1, 2))  # so refusing everything does not pass
    student.bed_of_nails(x, (3, 2), (2, 1))
    for stride, offset in (((2, 3), (2, 0)), ((2, 3), (0, 3)), ((2, 3), 2), ((3, 2), 2), ((2, 2), -1)):
        assert_refuses(student.bed_of_nails, x, stride, offset)
    for stride, offset in (((2, 3), (-1, 0)), ((2, 3), (0, -1)), ((1, 1), (1, 0)), ((1, 1), (0, 1)), ((2, 3), 5)):
        assert_refuses(student.bed_of_nails, x, stride, offset)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [(normal(rng, 2, 3, 4, 5), (2, 2)), (normal(rng, 2, 2, 3, 4), 2)]
    # Few zeros: a map in which nearly all entries are zero is nearly right where it holds nothing else.
    large = [(normal(rng, 9, 8, 3, 4), (1, 1)), (normal(rng, 2, 2, 24, 25), (1, 1))]
    assert_right_when_large(student.bed_of_nails, definition, small, large)


@pytest.mark.gate
def test_no_loop_over_the_map(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    make = lambda n: (normal(rng, n, n + 1, n, n + 2), (2, 3))  # noqa: E731
    long = [(300, 1, 2, 2), (1, 300, 2, 2), (1, 1, 300, 2), (1, 1, 2, 300)]
    clocked = [lambda shape=shape: (normal(rng, *shape), (2, 2)) for shape in long]
    loop_free(student.bed_of_nails, make, definition, (3, 6, 9), clocked)


@pytest.mark.gate
def test_no_loop_over_the_cell(student, rng):
    "The work should not grow with the stride: the zeros of a cell need not be visited one by one."
    make = lambda n: (normal(rng, 2, 2, 3, 4), (n, n + 1))  # noqa: E731
    clocked = [lambda stride=stride: (normal(rng, 1, 1, 2, 2), stride) for stride in ((300, 1), (1, 300))]
    loop_free(student.bed_of_nails, make, definition, (2, 5, 9), clocked)
