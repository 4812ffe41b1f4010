"""Hidden suite: nearest-neighbour upsampling, against its definition by indices."""

import pytest
import torch

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


def definition(x, factor):
    fh, fw = (factor, factor) if isinstance(factor, int) else factor
    rows, columns = torch.arange(fh * x.shape[2]) // fh, torch.arange(fw * x.shape[3]) // fw
    return x[:, :, rows[:, None], columns]


def compare(student, x, factor):
    assert_close(student.upsample_nearest(x, factor), definition(x, factor))


@pytest.mark.points(2)
def test_copies_are_neighbours(student, rng):
    "The copies of one value are neighbours and form a block; copies of the whole map side by side are something else."
    compare(student, normal(rng, 2, 3, 4, 5), (2, 2))
    compare(student, normal(rng, 1, 2, 3, 3), (3, 3))


@pytest.mark.points(2)
def test_a_factor_for_each_axis(student, rng):
    "A pair gives the vertical factor first and the horizontal one second; each makes its own axis longer."
    for factor in ((3, 1), (1, 4), (2, 5)):
        compare(student, normal(rng, 2, 2, 4, 3), factor)


def test_one_factor_for_both_axes(student, rng):
    "A single number is the factor of both axes."
    for factor in (2, 3, 7):
        compare(student, normal(rng, 2, 2, 3, 4), factor)


def test_factor_one(student, rng):
    "The factor 1 changes nothing, and is a factor all the same."
    compare(student, normal(rng, 2, 3, 4, 5), (1, 1))


def test_labels(student, rng):
    "Labels are whole numbers: they keep their dtype, and no arithmetic may round them, however large they are."
    compare(student, integers(rng, 0, 21, 2, 1, 3, 4), (2, 3))
    compare(student, 2**62 + integers(rng, 0, 999, 1, 1, 3, 3), (3, 2))
    compare(student, integers(rng, 0, 256, 1, 2, 3, 3, dtype=torch.uint8), (2, 2))
    compare(student, integers(rng, 0, 2, 1, 2, 3, 3, dtype=torch.bool), (2, 2))


def test_other_precisions(student, rng):
    "The result has the dtype of the input and exactly its values, in double and in half precision."
    compare(student, normal(rng, 1, 2, 3, 4, dtype=torch.float64), (2, 2))
    compare(student, normal(rng, 1, 2, 3, 4, dtype=torch.float16), (2, 2))


def test_any_value(student, rng):
    "Values are copied and not computed with: an infinity or a NaN fills its own block and touches no other."
    x = normal(rng, 1, 2, 4, 4)
    x[0, 0, 1, 1], x[0, 0, 2, 3], x[0, 1, 3, 0] = float("inf"), float("nan"), -float("inf")
    compare(student, x, (2, 3))
    compare(student, normal(rng, 1, 1, 3, 3, dtype=torch.float64) * 1e300, (2, 2))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 4, 5)), (2, 3))
    compare(student, normal(rng, 5, 4, 3, 2).permute(3, 2, 1, 0), (2, 2))
    compare(student, normal(rng, 1, 2, 4, 1).expand(3, 2, 4, 5), (3, 2))


def test_leaves_its_input_alone(student, rng):
    "The map should be afterwards what it was before, in its values and in its shape."
    assert_untouched(student.upsample_nearest, normal(rng, 2, 2, 3, 4), (2, 3))
    assert_untouched(student.upsample_nearest, normal(rng, 1, 2, 3, 4, dtype=torch.float64), (1, 1))


def test_ones_everywhere(student, rng):
    "One image, one channel, one row or one column are axes of length one and should not disappear."
    for shape in ((1, 1, 1, 1), (1, 1, 1, 5), (3, 1, 4, 1)):
        compare(student, normal(rng, *shape), (2, 3))


def test_empty_batch(student):
    "A batch of no images gives a batch of no images; PyTorch cannot guess a length (-1) when there is nothing."
    assert_close(student.upsample_nearest(torch.zeros(0, 3, 4, 5), (2, 3)), torch.zeros(0, 3, 8, 15))


def test_many_channels(student, rng):
    "A map may have hundreds of channels."
    compare(student, normal(rng, 1, 300, 2, 3), (2, 2))


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradient of a value: the sum over its block."
    x, upstream = normal(rng, 2, 3, 4, 5), normal(rng, 2, 3, 8, 15)
    compare(student, x, (2, 3))
    wanted = upstream.double().view(2, 3, 4, 2, 5, 3).sum((3, 5)).float()
    assert_close(student.upsample_nearest.gradients(x, (2, 3), upstream=upstream), [wanted])


def test_gradients_with_factor_one(student, rng):
    "Once values are right, gradients should come through a factor of 1 as well."
    x, upstream = normal(rng, 2, 2, 3, 4), normal(rng, 2, 2, 3, 4)
    compare(student, x, (1, 1))
    assert_close(student.upsample_nearest.gradients(x, (1, 1), upstream=upstream), [upstream])


def test_refuses_factors_below_one(student, rng):
    "A factor below 1, along either axis, should raise a ValueError."
    x = normal(rng, 1, 2, 3, 4)
    student.upsample_nearest(x, (1, 1))  # so refusing everything does not pass
    for factor in (0, -1, (0, 2), (2, 0), (-2, 1), (1, -3), (-2, -2)):
        assert_refuses(student.upsample_nearest, x, factor)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [(normal(rng, 2, 3, 4, 5), (2, 2)), (normal(rng, 2, 2, 3, 4), 2)]
    large = [
        (normal(rng, 9, 8, 3, 4), (2, 2)),
        (normal(rng, 2, 2, 24, 25), (2, 2)),
        (normal(rng, 2, 2, 3, 4), (13, 13)),
    ]
    assert_right_when_large(student.upsample_nearest, definition, small, large)


@pytest.mark.gate
def test_no_loop_over_the_map(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    make = lambda n: (normal(rng, n, n + 1, n, n + 2), (2, 2))  # noqa: E731
    long = [(4000, 1, 2, 2), (1, 4000, 2, 2), (1, 1, 4000, 2), (1, 1, 2, 4000)]
    clocked = [lambda shape=shape: (normal(rng, *shape), (2, 2)) for shape in long]
    loop_free(student.upsample_nearest, make, definition, (3, 6, 9), clocked)


@pytest.mark.gate
def test_no_loop_over_the_block(student, rng):
    "The work should not grow with the factor: all places of a block can be filled at once."
    make = lambda n: (normal(rng, 2, 2, 3, 4), (n, n))  # noqa: E731
    clocked = [lambda factor=factor: (normal(rng, 1, 1, 2, 2), factor) for factor in ((4000, 1), (1, 4000))]
    loop_free(student.upsample_nearest, make, definition, (2, 5, 9), clocked)
