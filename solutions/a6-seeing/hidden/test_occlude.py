"""Hidden suite: covered images, against a definition that moves the square step by step."""

import pytest
import torch

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)


def beginnings(n, k, s):
    found = list(range(0, n - k + 1, s))
    return found if found[-1] == n - k else [*found, n - k]


def both(value):
    return (value, value) if isinstance(value, int) else value


def expected(x, size, stride=1, fill=0.0):
    (kh, kw), (sh, sw) = both(size), both(stride)
    value = x.double().mean((2, 3)) if fill is None else torch.as_tensor(fill, dtype=torch.float64)
    value = value.to(x.dtype).expand(x.shape[:2])[:, :, None, None]
    images = []
    for top in beginnings(x.shape[2], kh, sh):
        for left in beginnings(x.shape[3], kw, sw):
            image = x.clone()
            image[:, :, top : top + kh, left : left + kw] = value
            images.append(image)
    return torch.stack(images, 1)


def compare(student, x, *args, **parameters):
    wanted = expected(x, *args, **parameters)
    assert_close(student.occlude(x, *args, **parameters), wanted)


@pytest.mark.points(2)
def test_every_position(student, rng):
    "Every image of the result has one square covered, and the square visits every position."
    compare(student, normal(rng, 1, 1, 4, 4), 2)
    compare(student, normal(rng, 1, 1, 5, 5), 1)


@pytest.mark.points(2)
def test_positions_row_by_row(student, rng):
    "Positions are numbered row by row: the square moves along the columns first."
    compare(student, normal(rng, 1, 1, 3, 6), 2)
    compare(student, normal(rng, 1, 1, 7, 4), 3)


@pytest.mark.points(2)
def test_stride_that_ends_at_the_edge(student, rng):
    "The square moves by the stride, and where the last step ends at the edge there is no further position."
    compare(student, normal(rng, 1, 1, 7, 7), 3, 2)
    compare(student, normal(rng, 1, 1, 8, 8), 2, 2)
    compare(student, normal(rng, 1, 1, 9, 9), 3, stride=3)


@pytest.mark.points(3)
def test_last_square_lies_at_the_edge(student, rng):
    "Where the steps do not end at the edge, one more square does: whole, and without a gap."
    compare(student, normal(rng, 1, 1, 6, 6), 3, 2)
    compare(student, normal(rng, 1, 1, 8, 8), 3, 3)
    compare(student, normal(rng, 1, 1, 9, 9), 4, 4)


@pytest.mark.points(2)
def test_size_as_a_pair(student, rng):
    "A pair of sizes is (vertical, horizontal)."
    for size in ((2, 3), (4, 1), (1, 2)):
        compare(student, normal(rng, 1, 1, 5, 5), size)


@pytest.mark.points(2)
def test_stride_as_a_pair(student, rng):
    "A pair of strides is (vertical, horizontal), and each axis moves by its own."
    for stride in ((2, 1), (1, 2)):
        compare(student, normal(rng, 1, 1, 6, 6), 2, stride)
    compare(student, normal(rng, 1, 1, 9, 9), 3, (1, 3))
    compare(student, normal(rng, 1, 1, 9, 9), 3, (3, 2))


def test_fill_with_a_number(student, rng):
    "The covered pixels have the number that was asked for, whole or not."
    for fill in (0.5, -3, 2):
        compare(student, normal(rng, 1, 2, 2, 4), 2, fill=fill)


@pytest.mark.points(2)
def test_fill_for_each_channel(student, rng):
    "A tensor of fills has a value for each channel."
    compare(student, normal(rng, 1, 3, 2, 4), 2, fill=normal(rng, 3))
    compare(student, normal(rng, 1, 4, 2, 4), 2, fill=normal(rng, 4))
    compare(student, normal(rng, 1, 1, 2, 4), 2, fill=normal(rng, 1))


def test_dtype_of_a_fill(student, rng):
    "The result has the image's dtype, whatever the dtype of the fill is."
    for image, fill in ((torch.float32, torch.float64), (torch.float64, torch.float32), (torch.float16, torch.float32)):
        compare(student, normal(rng, 1, 2, 3, 4, dtype=image), 3, fill=normal(rng, 2).to(fill))


@pytest.mark.points(3)
def test_fill_with_the_mean(student, rng):
    "Without a fill it is the mean of this image and this channel, over all of its pixels."
    compare(student, 1 + normal(rng, 1, 1, 3, 5), 3, fill=None)
    means = torch.tensor([[-3.0, 0.5, 4.0], [2.0, 7.0, -1.0]])[:, :, None, None]
    compare(student, normal(rng, 2, 3, 3, 5) + means[:1, :1], 3, fill=None)
    compare(student, normal(rng, 1, 3, 3, 5) + means[:1], 3, fill=None)
    compare(student, normal(rng, 2, 3, 3, 5) + means, 3, fill=None)


def test_images_of_a_batch(student, rng):
    "Every image of a batch is covered at every position, with its own pixels around the square."
    compare(student, normal(rng, 2, 1, 2, 4), 2)
    compare(student, normal(rng, 3, 2, 3, 4), 3)


def test_no_images(student):
    "A batch of no images gives a batch of no images, with its other axes as long as ever."
    for fill in (0.0, None):
        compare(student, torch.zeros(0, 2, 3, 5), 3, fill=fill)


def test_hundreds_of_channels(student, rng):
    "There may be hundreds of channels, and the square covers all of them."
    compare(student, normal(rng, 1, 300, 3, 4), 3)


def test_single_rows_and_whole_images(student, rng):
    "The image may be a single row or column, and the square may be as large as the image."
    for rows, columns, size in ((1, 6, 1), (6, 1, 1), (3, 3, 3), (1, 1, 1)):
        compare(student, normal(rng, 1, 2, rows, columns), size)


def test_nothing_shines_through(student, rng):
    "Pixels that are NaN or infinite leave no trace where they are covered, and stay where they are not."
    for value in (torch.nan, torch.inf, -torch.inf):
        x = normal(rng, 1, 2, 3, 5)
        x[0, 0, 2, 1] = value
        compare(student, x, 3)
        compare(student, x, 3, fill=torch.tensor([0.25, -1.0]))


def test_double_precision(student, rng):
    "In float64 pixels keep all of their digits, and so does the mean."
    for fill in (0.0, 1 / 3, None):
        compare(student, normal(rng, 1, 1, 3, 5, dtype=torch.float64), 3, fill=fill)


def test_half_precision(student, rng):
    "In float16 the mean is taken in float32: a sum over all pixels may be larger than float16 can hold."
    compare(student, normal(rng, 1, 2, 3, 5, dtype=torch.float16), 3, fill=0.1)
    x = normal(rng, 2, 1, 115, 115, dtype=torch.float16) + 9
    compare(student, x, 115, fill=None)


def test_images_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded images should give what their copies give, however they lie in memory."
    x = normal(rng, 2, 2, 3, 5)
    compare(student, scattered(x), 3)
    compare(student, normal(rng, 2, 2, 5, 3).mT, 3)
    compare(student, x[:1, :1].expand(2, 3, 3, 5), 3)


def test_leaves_the_image_alone(student, rng):
    "Image and fill should be afterwards what they were before, however the square is filled."
    for dtype in (torch.float32, torch.float64, torch.float16):
        for fill in (0.0, None, torch.tensor([7.0, 8.0], dtype=dtype)):
            x = 5 + normal(rng, 2, 2, 3, 5, dtype=dtype)
            assert_untouched(student.occlude, x, 3, 1, fill)


@pytest.mark.points(2)
def test_refuses_squares_that_do_not_fit(student, rng):
    "A square that is larger than the image along either axis, or smaller than one pixel, should raise a ValueError."
    x = normal(rng, 1, 1, 4, 6)
    compare(student, x, 4)  # so refusing everything does not pass
    for size in (5, 7, (5, 2), (2, 7), 0, -1, (0, 2), (2, 0)):
        assert_refuses(student.occlude, x, size)


@pytest.mark.points(2)
def test_refuses_strides_that_leave_gaps(student, rng):
    "A stride that is larger than the square along either axis, or less than one, should raise a ValueError."
    x = normal(rng, 1, 1, 6, 6)
    compare(student, x, 3)  # so refusing everything does not pass
    for size, stride in ((2, 3), ((2, 4), (3, 1)), ((4, 2), (1, 3)), (3, 0), (3, -1), (3, (0, 1)), (3, (1, 0))):
        assert_refuses(student.occlude, x, size, stride)


def test_refuses_fills_of_other_shapes(student, rng):
    "A tensor of fills that has not one value for each channel should raise a ValueError, never broadcast."
    x = normal(rng, 2, 3, 4, 4)
    student.occlude(x, 2, 1, normal(rng, 3))  # so refusing everything does not pass
    for shape in ((1,), (2,), (4,), (), (3, 1), (1, 3), (2, 3), (3, 1, 1)):
        assert_refuses(student.occlude, x, 2, 1, torch.zeros(shape))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small images is right for large ones, by the same code: the loops are looked for in these."
    small = [(normal(rng, 2, 2, 6, 7), 3, 2, None), (normal(rng, 3, 2, 9, 8), 3, 2, None)]
    large = [(normal(rng, 9, 2, 12, 13), 3, 2, None), (normal(rng, 2, 3, 21, 20), 5, 3, None)]
    assert_right_when_large(student.occlude, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, channels, pixels or positions: look for a loop, also a hidden one."
    shapes = [((4000, 1, 2, 2), 2), ((1, 4000, 2, 2), 2), ((1, 1, 1, 1500), (1, 1)), ((1, 1, 1500, 1), (1, 1))]
    long = [lambda shape=shape, size=size: (normal(rng, *shape), size) for shape, size in shapes]
    loop_free(student.occlude, lambda n: (normal(rng, n, n + 1, 5, 5), 3), expected, (2, 5, 9), long)
    loop_free(student.occlude, lambda n: (normal(rng, 2, 2, n, n + 1), 3, 2), expected, (6, 9, 14))
    loop_free(student.occlude, lambda n: (normal(rng, 2, 2, 13, 13), n, n, None), expected, (3, 6, 12))
