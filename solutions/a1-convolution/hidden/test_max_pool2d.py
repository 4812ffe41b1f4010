"""Hidden suite: max pooling with indices, against PyTorch's own and, for ties, an index definition."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    normal,
    scattered,
)

VALUES, INDICES = 0, 1


def expected(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding, return_indices=True)


def compare(student, which, x, *args, **parameters):
    """Compare the values, the indices or both."""
    got, wanted = student.max_pool2d(x, *args, **parameters), expected(x, *args, **parameters)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of values and indices", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


@pytest.mark.points(2)
def test_values(student, rng):
    "Each output is the largest pixel of its window, in each channel of each image by itself."
    compare(student, [VALUES], normal(rng, 3, 2, 9, 12), 3, 3)


@pytest.mark.points(2)
def test_indices_count_in_the_whole_plane(student, rng):
    "An index counts along the whole plane, row after row: it is no place within the window and none in the batch."
    compare(student, [INDICES], normal(rng, 2, 3, 8, 6), 2, 2)
    compare(student, [INDICES], normal(rng, 2, 2, 6, 9), 3, 3)


def test_stride_is_the_kernel_size_unless_given(student, rng):
    "Without a stride windows lie edge to edge, also when the kernel is a rectangle."
    compare(student, [VALUES, INDICES], normal(rng, 2, 2, 9, 10), (3, 2))


@pytest.mark.points(2)
def test_stride(student, rng):
    "Windows may overlap or leave gaps, on each axis as its own stride says, and hanging windows are left out."
    for stride in (1, 4, (1, 3), (2, 1)):
        compare(student, [VALUES, INDICES], normal(rng, 2, 2, 10, 11), 3, stride)


def test_what_is_left_over_counts_in_the_plane(student, rng):
    "Pixels that no window reaches are part of the plane all the same: its rows are as long as those of the image."
    compare(student, [INDICES], normal(rng, 2, 2, 8, 9), (3, 2))


def test_rectangular_kernels(student, rng):
    "The kernel's height goes with the rows and its width with the columns, in this order."
    for kernel in ((1, 4), (5, 2)):
        compare(student, [VALUES, INDICES], normal(rng, 2, 2, 10, 9), kernel, 2)


@pytest.mark.points(2)
def test_padding_never_wins(student, rng):
    "Where every pixel is negative, a padding of zeros would win: only something below every number never does."
    for scale in (1.0, 1e37):
        x = -(normal(rng, 2, 2, 7, 8).abs() + 0.5) * scale
        compare(student, [VALUES], x, 3, 2, 1)
        compare(student, [VALUES], x, 2, 2, 1)


@pytest.mark.points(2)
def test_indices_under_padding(student, rng):
    "Indices count in the image as it came, not in the padded one: its rows are shorter and its first pixel is 0."
    for call in ((3, 2, 1), ((4, 3), 1, (2, 0)), ((2, 5), (2, 3), (0, 2)), (6, 2, 3), ((7, 4), 3, (3, 1))):
        compare(student, [INDICES], normal(rng, 2, 2, 9, 8).abs() + 0.1, *call)


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right on its own, but together they are not: pad first, then place the windows."
    for call in (
        ((3, 2), (2, 3), (1, 0)),
        ((2, 4), (1, 3), (1, 2)),
        ((4, 3), (3, 1), (0, 1)),
        ((5, 2), (2, 4), (2, 1)),
    ):
        compare(student, [VALUES, INDICES], normal(rng, 2, 2, 9, 11) - 9.0, *call)


@pytest.mark.points(2)
def test_among_equals_the_first_wins(student, rng):
    "Among equal pixels the first one wins, reading the window along its rows from the top, and not another."
    compare(student, [INDICES], torch.full((1, 2, 9, 8), float(integers(rng, -5, 5))), (3, 4), (2, 1))
    coarse = integers(rng, 0, 3, 2, 2, 12, 11, dtype=torch.float32)
    wanted = []
    windows = coarse.unfold(2, 4, 2).unfold(3, 3, 2)
    for u in range(windows.shape[2]):
        for v in range(windows.shape[3]):
            window = windows[:, :, u, v].flatten(2)
            first = (window == window.amax(-1, keepdim=True)).int().argmax(-1)
            wanted.append((2 * u + first // 3) * 11 + 2 * v + first % 3)
    got = student.max_pool2d(coarse, (4, 3), 2)
    wanted = torch.stack(wanted, -1).view(windows.shape[:4])
    assert_close(got, (windows.amax((-2, -1)), wanted))


def test_double_precision(student, rng):
    "In float64 pixels may differ in their last digits only, and the larger one should still win."
    x = 1.0 + integers(rng, 0, 10**6, 2, 2, 8, 8, dtype=torch.float64) * 1e-12
    compare(student, [VALUES, INDICES], x, 4, 2)


def test_padding_never_wins_in_double_precision(student, rng):
    "Padding should be less than every number of its image, also in float64, which reaches further than float32."
    x = -(normal(rng, 2, 2, 7, 8, dtype=torch.float64).abs() + 0.5) * 1e307
    compare(student, [VALUES], x, 3, 2, 1)


def test_padding_does_not_tie_with_large_negative_numbers(student, rng):
    "In floating point a large negative number less one is that number again: only −∞ is less than every other."
    compare(student, [INDICES], torch.full((1, 2, 5, 6), -1e12), 3, 2, 1)


def test_padding_never_wins_against_the_infinite(student, rng):
    "Where all that a window sees is −∞ its first pixel wins, and never the padding: that has no index in the image."
    x = normal(rng, 2, 2, 7, 8)
    x[:, :, :3], x[:, :, 4:, 5:] = -float("inf"), -float("inf")
    for call in ((3, 2, 1), ((4, 2), (1, 2), (2, 1)), (2, 3)):
        compare(student, [VALUES, INDICES], x, *call)


def test_half_precision(student, rng):
    "A half-precision image may have more pixels than its dtype can count: no index should pass through that dtype."
    # Whole numbers that float16 can hold, no two alike within a window, for 1999 is a prime number.
    x = (torch.arange(66 * 64) * int(integers(rng, 1, 1999)) % 1999).view(1, 1, 66, 64).to(torch.float16)
    values, indices = expected(x.double(), (6, 8))
    assert_close(student.max_pool2d(x, (6, 8)), (values.to(x.dtype), indices))


def test_dtypes_of_the_results(student, rng):
    "Values keep the dtype of the image, and indices are whole numbers of 64 bits."
    values, indices = expected(normal(rng, 1, 1, 4, 4), 2)
    got = student.max_pool2d(torch.zeros(1, 1, 4, 4), 2)
    assert_close(got, (torch.zeros_like(values), torch.tensor([[[[0, 2], [8, 10]]]], dtype=indices.dtype)))


def test_images_that_are_not_contiguous(student, rng):
    "A slice, a transpose or an expanded image counts its own rows and columns, and not those in memory."
    compare(student, [VALUES, INDICES], scattered(normal(rng, 2, 2, 6, 9)), 3)
    compare(student, [VALUES, INDICES], normal(rng, 8, 6, 2, 3).permute(3, 2, 1, 0), 2)
    compare(student, [VALUES, INDICES], normal(rng, 1, 2, 6, 1).expand(2, 2, 6, 8), 2)


def test_images_that_are_not_contiguous_are_padded(student, rng):
    "Padding may keep the layout in memory of the image that it pads: it need not be contiguous afterwards either."
    channels_last = normal(rng, 2, 3, 5, 6).contiguous(memory_format=torch.channels_last)
    for x in (channels_last, scattered(normal(rng, 2, 3, 5, 6))):
        compare(student, [VALUES, INDICES], x.abs() + 0.1, 3, 2, 1)


def test_indices_of_large_planes(student, rng):
    "The index of a pixel may be large: whole numbers of few bits are too small to count all pixels of an image."
    compare(student, [INDICES], normal(rng, 1, 1, 190, 380), (19, 38))


def test_leaves_the_image_alone(student, rng):
    "The image should be afterwards what it was before, whether or not something is padded or left over."
    assert_untouched(student.max_pool2d, normal(rng, 2, 2, 6, 6), 3)
    assert_untouched(student.max_pool2d, -normal(rng, 1, 2, 7, 6).abs(), 3, 1, 1)
    assert_untouched(student.max_pool2d, normal(rng, 1, 1, 7, 8), (2, 3), (3, 2))
    assert_untouched(student.max_pool2d, torch.full((1, 2, 5, 5), -float("inf"), dtype=torch.float64), 2)


def test_ones_everywhere(student, rng):
    "One image, one channel or a window of one pixel are still axes of length one and should not disappear."
    compare(student, [VALUES, INDICES], normal(rng, 1, 1, 5, 4), 1)
    compare(student, [VALUES, INDICES], normal(rng, 1, 3, 1, 8), (1, 3), 2)


def test_window_as_large_as_the_image(student, rng):
    "A window as large as the image has one output: the largest pixel of all."
    compare(student, [VALUES, INDICES], normal(rng, 3, 2, 6, 5), (6, 5))
    compare(student, [VALUES, INDICES], normal(rng, 2, 2, 4, 3), (6, 5), 9, (1, 1))


def test_empty_batch(student):
    "A batch of no images gives no values and no indices, both with four axes."
    got = student.max_pool2d(torch.zeros(0, 3, 8, 7), 3, 2)
    assert_close(got, (torch.zeros(0, 3, 3, 3), torch.zeros(0, 3, 3, 3, dtype=torch.int64)))


def test_refuses_too_much_padding(student, rng):
    "Padding by more than half of the kernel leaves windows with nothing in them, on either axis: raise a ValueError."
    x = normal(rng, 1, 2, 8, 9)
    student.max_pool2d(x, (4, 3), 1, (2, 1))  # half is allowed, so refusing everything does not pass
    student.max_pool2d(x, (2, 6), 1, (1, 3))
    for kernel, padding in ((3, 2), ((4, 2), (2, 2)), ((1, 4), (1, 1)), ((2, 6), (3, 1)), ((7, 3), (1, 3))):
        assert_refuses(student.max_pool2d, x, kernel, 1, padding)


def test_refuses_windows_that_do_not_fit(student, rng):
    "A window larger than the padded image, along either axis, should raise a ValueError."
    x = normal(rng, 1, 2, 4, 9)
    student.max_pool2d(x, (4, 9))  # fits, so refusing everything does not pass
    student.max_pool2d(x, (8, 2), 1, (2, 0))
    for kernel, padding in ((5, 0), ((2, 10), 0), ((7, 3), 1), ((3, 12), 1), ((6, 4), (0, 2)), ((4, 10), (2, 0))):
        assert_refuses(student.max_pool2d, x, kernel, 1, padding)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((3, 2, 9, 12), 3), ((2, 2, 9, 10), (3, 2)))
    # No pixel is left over in any of them: what becomes of those is for other tests to ask.
    large = (((7, 8, 7, 6), (7, 2)), ((2, 2, 21, 24), (7, 6)))
    calls = [[(normal(rng, *shape), kernel) for shape, kernel in each] for each in (small, large)]
    assert_right_when_large(student.max_pool2d, expected, *calls)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    long = [(4000, 1, 3, 2), (1, 4000, 3, 2), (1, 1, 4000, 3), (1, 1, 3, 4000)]
    clocked = [lambda shape=shape: (normal(rng, *shape), 2) for shape in long]
    loop_free(student.max_pool2d, lambda n: (normal(rng, n, n + 1, 7, 6), 3, 2, 1), expected, (2, 4, 7), clocked)
    loop_free(student.max_pool2d, lambda n: (normal(rng, 2, 2, n, n + 3), 2), expected, (7, 12, 21))


@pytest.mark.gate
def test_no_loop_over_the_window(student, rng):
    "The work should not grow with the window: comparing shifted images is a loop over its pixels."
    make = lambda n: (normal(rng, 2, 2, 15, 14), (n, n + 1), (3, 1), 1)  # noqa: E731
    long = [((4001, 3), (4000, 2)), ((3, 4001), (2, 4000))]
    clocked = [lambda image=image, window=window: (normal(rng, 1, 1, *image), window) for image, window in long]
    loop_free(student.max_pool2d, make, expected, (2, 3, 5), clocked)
