"""Hidden suite: max unpooling, against its definition in NumPy and, after max pooling, against PyTorch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    normal,
    scattered,
)


def definition(values, indices, output_size):
    height, width = output_size
    shape = (*values.shape[:2], height, width)
    largest, filled = np.full((shape[0] * shape[1], height * width), -np.inf), np.zeros(shape, dtype=bool)
    at = np.arange(shape[0] * shape[1])[:, None], indices.reshape(shape[0] * shape[1], -1).numpy()
    np.maximum.at(largest, at, values.reshape(at[1].shape).double().numpy())
    filled.reshape(largest.shape)[at] = True
    return torch.from_numpy(np.where(filled, largest.reshape(shape), 0.0)).to(values.dtype)


def compare(student, *call):
    assert_close(student.max_unpool2d(*call), definition(*call))


def places(rng, shape, size):
    """Indices of ``shape``, no two alike in a plane of ``size``."""
    *planes, rows, columns = shape
    order = torch.rand(*planes, size[0] * size[1], generator=rng).argsort(-1)
    return order[..., : rows * columns].reshape(shape)


def drawn(rng, shape, size, dtype=torch.float32):
    """Values, indices and the output size of a call.

    The values are positive, as those after a ReLU are: tests of their own ask for negative ones.
    """
    return normal(rng, *shape, dtype=dtype).abs() + 0.1, places(rng, shape, size), size


@pytest.mark.points(2)
def test_values_return_to_their_places(student, rng):
    "An index counts along its plane row after row, row × W + column, with the width of the output."
    compare(student, *drawn(rng, (1, 1, 3, 4), (6, 8)))
    compare(student, *drawn(rng, (1, 1, 2, 3), (7, 9)))


@pytest.mark.points(2)
def test_every_plane_counts_by_itself(student, rng):
    "The indices of every channel of every image start again at 0: they count neither along the image nor the batch."
    compare(student, *drawn(rng, (1, 3, 2, 3), (4, 6)))
    compare(student, *drawn(rng, (3, 1, 2, 3), (4, 6)))
    compare(student, *drawn(rng, (2, 4, 3, 2), (5, 5)))


def test_after_pooling(student, rng):
    "What F.max_pool2d gives should come back as F.max_unpool2d would bring it back."
    for kernel in (2, (3, 2), (1, 4)):
        x = normal(rng, 2, 3, 9, 8).abs() + 0.1
        values, indices = F.max_pool2d(x, kernel, return_indices=True)
        wanted = F.max_unpool2d(values, indices, kernel, output_size=(9, 8))
        assert_close(student.max_unpool2d(values, indices, (9, 8)), wanted)


@pytest.mark.points(2)
def test_windows_that_overlap(student, rng):
    "Where windows overlap, one pixel may be the largest of several: its value comes back once, and is not added up."
    x = normal(rng, 2, 2, 8, 9).abs() + 0.5
    values, indices = F.max_pool2d(x, 3, 1, return_indices=True)
    compare(student, values, indices, (8, 9))


@pytest.mark.points(2)
def test_the_largest_stays(student, rng):
    "Where several values have one index the largest stays, wherever it stands among them."
    compare(student, normal(rng, 2, 2, 6, 7).abs() + 0.1, integers(rng, 0, 12, 2, 2, 6, 7), (3, 4))
    rising = torch.arange(1.0, 13.0).view(1, 1, 3, 4)
    repeated = torch.tensor([5, 2, 5, 2, 2, 5, 0, 5, 2, 5, 2, 5]).view(1, 1, 3, 4)
    compare(student, rising, repeated, (2, 3))
    compare(student, rising.flip(2, 3), repeated, (2, 3))


@pytest.mark.points(2)
def test_the_largest_of_negative_values_stays(student, rng):
    "Where all values of an index are negative the largest of them stays: the zeros of empty places take no part."
    compare(student, -normal(rng, 2, 2, 6, 7).abs() - 0.1, integers(rng, 0, 20, 2, 2, 6, 7), (5, 4))


def test_negative_values(student, rng):
    "A negative value is put back as it is: it is not compared with the zeros around it."
    values, indices, size = drawn(rng, (2, 2, 3, 4), (6, 8))
    compare(student, -values.abs() - 0.1, indices, size)


def test_the_infinite(student, rng):
    "The value −∞ is put back like any other, and the empty places around it are zero."
    values, indices, size = drawn(rng, (2, 2, 3, 4), (6, 5))
    values[0, 0, 1, 2], values[1, 0, 0, 0], values[1, 1, 2, 3] = -float("inf"), float("inf"), -float("inf")
    compare(student, values, indices, size)


def test_values_of_zero(student, rng):
    "A value of zero is a value, and the largest one where the others of its index are negative."
    values = -normal(rng, 1, 2, 4, 4).abs()
    values[:, :, ::2] = 0.0
    compare(student, values, integers(rng, 0, 9, 1, 2, 4, 4), (3, 4))


def test_output_of_another_size(student, rng):
    "The output may have any size, and rows and columns that no window reached are part of it."
    for size in ((4, 11), (11, 4), (1, 30), (30, 1), (5, 7)):
        compare(student, *drawn(rng, (2, 2, 3, 3), size))


def test_a_full_plane(student, rng):
    "The first and the last place of a plane can be filled, and there may be as many values as places or more."
    compare(student, *drawn(rng, (2, 2, 4, 5), (5, 4)))
    compare(student, *drawn(rng, (2, 1, 1, 2), (1, 2)))
    compare(student, normal(rng, 1, 2, 6, 6).abs() + 0.1, integers(rng, 0, 6, 1, 2, 6, 6), (2, 3))


def test_large_planes(student, rng):
    "Indices may be large: whole numbers of few bits and half-precision numbers are too small to count all pixels."
    compare(student, *drawn(rng, (1, 1, 6, 7), (300, 400)))


def test_double_precision(student, rng):
    "In float64 the result should be float64, and values that differ in their last digits only are different."
    compare(student, *drawn(rng, (2, 2, 3, 4), (6, 8), torch.float64))
    close = 1.0 + integers(rng, 0, 10**6, 1, 2, 5, 5, dtype=torch.float64) * 1e-9
    got = student.max_unpool2d(close, torch.zeros(1, 2, 5, 5, dtype=torch.int64), (1, 1))
    assert_close(got, close.amax((2, 3), keepdim=True), rtol=0.0, atol=1e-15)


def test_half_precision(student, rng):
    "In half precision, of either kind, the result has that dtype, which cannot count all pixels of a large plane."
    for dtype in (torch.float16, torch.bfloat16):
        compare(student, *drawn(rng, (1, 2, 6, 8), (60, 70), dtype))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices and transposes should give what their copies give, and so should one plane of indices that is expanded."
    values, indices, size = drawn(rng, (2, 3, 4, 5), (8, 9))
    compare(student, scattered(values), scattered(indices), size)
    compare(student, values.transpose(2, 3), indices.transpose(2, 3), size)
    compare(student, values, indices[:1, :1].expand(2, 3, 4, 5), size)


def test_leaves_its_inputs_alone(student, rng):
    "Values and indices should be afterwards what they were before."
    assert_untouched(student.max_unpool2d, *drawn(rng, (2, 2, 3, 4), (6, 8)))
    assert_untouched(student.max_unpool2d, *drawn(rng, (1, 1, 3, 4), (4, 3), torch.float64))
    values, indices = F.max_pool2d(normal(rng, 2, 2, 5, 6), 3, 1, return_indices=True)
    assert_untouched(student.max_unpool2d, values, indices, (5, 6))


def test_ones_everywhere(student, rng):
    "One image, one channel, one row or one column are axes of length one and should not disappear."
    for shape, size in (
        ((1, 1, 1, 1), (1, 1)),
        ((1, 1, 1, 4), (1, 9)),
        ((3, 1, 4, 1), (9, 1)),
        ((4, 1, 1, 1), (6, 1)),
    ):
        values, indices, _ = drawn(rng, shape, size)
        compare(student, values, indices, size)
        # Places near the end of a plane in every draw: small ones are right by chance where rows are miscounted.
        to_the_end = size[0] * size[1] - 1 - indices.flatten(2).amax(2)
        compare(student, values, indices + to_the_end[:, :, None, None], size)


def test_empty_batch(student):
    "A batch of no images gives a batch of no images, and has no index that could be outside."
    nothing = torch.zeros(0, 3, 2, 2)
    assert_close(student.max_unpool2d(nothing, nothing.long(), (4, 5)), torch.zeros(0, 3, 4, 5))


def test_many_channels(student, rng):
    "A map may have hundreds of channels."
    compare(student, *drawn(rng, (1, 300, 2, 2), (3, 4)))


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, a value should have the gradient of its place: nothing may cut it off."
    values, indices, size = drawn(rng, (2, 3, 3, 4), (6, 7))
    upstream = normal(rng, 2, 3, 6, 7)
    compare(student, values, indices, size)
    wanted = upstream.flatten(2).gather(2, indices.flatten(2)).view(values.shape)
    assert_close(student.max_unpool2d.gradients(values, indices, size, upstream=upstream)[0], wanted)


def test_gradients_of_negative_values(student, rng):
    "Once values are right, a negative value should have its gradient as well."
    values, indices, size = drawn(rng, (1, 2, 3, 4), (5, 5))
    values, upstream = -values.abs() - 0.1, normal(rng, 1, 2, 5, 5)
    compare(student, values, indices, size)
    wanted = upstream.flatten(2).gather(2, indices.flatten(2)).view(values.shape)
    assert_close(student.max_unpool2d.gradients(values, indices, size, upstream=upstream)[0], wanted)


def test_refuses_other_shapes(student, rng):
    "Values and indices of different shapes do not belong together, also if they hold as many numbers: ValueError."
    values, indices, size = drawn(rng, (2, 3, 4, 5), (4, 6))
    student.max_unpool2d(values, indices, size)  # so refusing everything does not pass
    for wrong in (
        *(indices[:1], indices[:, :2], indices[:, :, 1:], indices[..., :-1], indices[:, :1], indices[..., :1]),
        *(indices.transpose(0, 1), indices.transpose(2, 3), indices.flatten(2)[:, :, None]),
    ):
        assert_refuses(student.max_unpool2d, values, wrong, size)
    for wrong in (values[:1], values[:, :1], values[:, :, :2], values[..., :-1]):
        assert_refuses(student.max_unpool2d, wrong, indices, size)


@pytest.mark.points(2)
def test_refuses_indices_outside(student, rng):
    "An index that is negative or has no place in the plane should raise a ValueError, even if it is a single one."
    values, indices, size = drawn(rng, (2, 2, 3, 4), (5, 6))
    student.max_unpool2d(values, indices, size)  # so refusing everything does not pass
    for place in ((0, 0, 0, 0), (1, 1, 2, 3), (0, 1, 2, 0)):
        for outside in (30, 31, 35, 60, 10**6, -1, -6, -30, -31):
            wrong = indices.clone()
            wrong[place] = outside
            assert_refuses(student.max_unpool2d, values, wrong, size)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [drawn(rng, (2, 3, 2, 3), (5, 7))]
    large = [drawn(rng, (9, 8, 3, 4), (3, 4)), drawn(rng, (2, 2, 24, 25), (25, 24))]
    assert_right_when_large(student.max_unpool2d, definition, small, large)


@pytest.mark.gate
def test_no_loop_over_the_values(student, rng):
    "The work should not grow with images, channels or values: look for a loop, also a hidden one."
    make = lambda n: drawn(rng, (n, n + 1, n, n + 2), (n + 3, n + 2))  # noqa: E731
    # Many values for few places: a table of both is no loop, and should not take long either.
    long = [(1500, 1, 1, 1), (1, 1500, 1, 1), (1, 1, 1500, 1)]
    clocked = [lambda shape=shape: (normal(rng, *shape), integers(rng, 0, 2, *shape), (1, 2)) for shape in long]
    loop_free(student.max_unpool2d, make, definition, (2, 4, 7), clocked)


@pytest.mark.gate
def test_no_loop_over_the_plane(student, rng):
    "The work should not grow with the plane: places that no index points at need not be visited."
    make = lambda n: drawn(rng, (2, 2, 2, 3), (n, n + 1))  # noqa: E731
    clocked = [lambda size=size: drawn(rng, (1, 1, 1, 1), size) for size in ((6000, 1), (1, 6000))]
    loop_free(student.max_unpool2d, make, definition, (4, 7, 12), clocked)
