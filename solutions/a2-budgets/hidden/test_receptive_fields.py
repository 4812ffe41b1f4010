"""Hidden suite: sizes and jumps, against a walk from a unit of each layer down to the image."""

import pytest
import torch

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)

SIZES, JUMPS = 0, 1


def first_and_last(unit, kernels, strides, dilations):
    """The positions in the image, without padding, that a unit of the last layer sees first and last."""
    first = last = unit
    for k, s, d in zip(reversed(kernels), reversed(strides), reversed(dilations), strict=True):
        first, last = first * s, last * s + d * (k - 1)
    return first, last


def definition(kernels, strides, dilations=None):
    k, s = (torch.as_tensor(v).tolist() for v in (kernels, strides))
    d = [1] * len(k) if dilations is None else torch.as_tensor(dilations).tolist()
    walks = [[first_and_last(u, k[:n], s[:n], d[:n]) for u in (0, 1)] for n in range(1, len(k) + 1)]
    sizes = [last - first + 1 for (first, last), _ in walks]
    jumps = [other - first for (first, _), (other, _) in walks]
    return torch.tensor(sizes, dtype=torch.int64), torch.tensor(jumps, dtype=torch.int64)


def by_recurrence(kernels, strides, dilations=None):
    """The same, one layer after another: fast enough for the stacks of thousands of layers of the gates."""
    k, s = (torch.as_tensor(v).tolist() for v in (kernels, strides))
    d = [1] * len(k) if dilations is None else torch.as_tensor(dilations).tolist()
    r, j, sizes, jumps = 1, 1, [], []
    for kernel, stride, dilation in zip(k, s, d, strict=True):
        r, j = r + dilation * (kernel - 1) * j, j * stride
        sizes.append(r)
        jumps.append(j)
    return torch.tensor(sizes, dtype=torch.int64), torch.tensor(jumps, dtype=torch.int64)


def compare(student, which, *call, **named):
    """Compare those of the two results that ``which`` names."""
    wanted, got = definition(*call, **named), student.receptive_fields(*call, **named)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of sizes and jumps", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


def stack(rng, strides):
    """A stack with these strides and kernels of 2 to 7 pixels, the first and the last of unlike sizes."""
    kernels = [int(k) for k in integers(rng, 2, 8, len(strides))]
    return kernels, strides


@pytest.mark.points(2)
def test_sizes_without_strides(student, rng):
    "With stride 1 each layer adds its kernel less one pixel, and the single pixel of the image is there to begin with."
    compare(student, [SIZES], *stack(rng, [1] * 6))


@pytest.mark.points(2)
def test_jumps(student, rng):
    "The jump after a layer is the product of all strides up to this layer, its own included."
    compare(student, [JUMPS], *stack(rng, [1, 2, 1, 3, 2, 1]))


@pytest.mark.points(3)
def test_sizes_with_strides(student, rng):
    "A layer's taps lie as far apart as the units before it: its own stride spreads only the taps of later layers."
    compare(student, [SIZES], *stack(rng, [2, 1, 3, 1, 2, 4]))
    compare(student, [SIZES], [3, 2, 3, 2, 5], (1, 2, 1, 2, 3))


@pytest.mark.points(2)
def test_dilations(student, rng):
    "Dilation multiplies the gaps between the taps, of which there is one fewer than taps, and no jump."
    kernels, strides = stack(rng, [1] * 5)
    compare(student, [SIZES, JUMPS], kernels, strides, [2, 1, 4, 3, 7])
    compare(student, [SIZES, JUMPS], kernels, strides, dilations=torch.tensor([1, 5, 1, 2, 6]))


def test_all_parameters_together(student, rng):
    "Strides and dilations are right on their own, but together they are not: both multiply the same gap."
    compare(student, [SIZES, JUMPS], *stack(rng, [2, 3, 1, 2, 1]), [1, 2, 5, 3, 4])


def test_one_layer(student):
    "A stack of one layer sees its kernel, whatever its stride."
    compare(student, [SIZES, JUMPS], [7], [1])
    compare(student, [SIZES, JUMPS], torch.tensor([11]), torch.tensor([4]))


def test_kernels_of_one_pixel(student):
    "A kernel of one pixel has no gaps and adds nothing, but its stride spreads the taps of later layers."
    compare(student, [SIZES, JUMPS], [1, 3, 1, 3], [2, 1, 3, 1])
    compare(student, [SIZES, JUMPS], [1, 1, 2], [1, 1, 1], [9, 4, 1])


def test_no_layers(student):
    "A stack of no layers gives two empty tensors of whole numbers."
    nothing = torch.zeros(0, dtype=torch.int64)
    assert_close(student.receptive_fields([], []), (nothing, nothing))
    assert_close(student.receptive_fields([], [], []), (nothing, nothing))
    assert_close(student.receptive_fields(nothing, nothing, nothing), (nothing, nothing))


@pytest.mark.points(2)
def test_lists_tuples_and_tensors(student, rng):
    "A list, a tuple and a tensor of the same numbers should give the same, also when they come together."
    kernels, strides = stack(rng, [1, 1, 2, 1])
    for kind in (list, tuple, torch.tensor):
        compare(student, [SIZES, JUMPS], kind(kernels), kind(strides))
    compare(student, [SIZES, JUMPS], torch.tensor(kernels), strides, (1, 1, 1, 2))


@pytest.mark.points(2)
def test_small_integer_dtypes(student):
    "Small dtypes such as uint8 or int16 cannot hold the results: convert them before you multiply and sum."
    for dtype, kernels, dilations in (
        (torch.uint8, [9, 101, 200, 3], [30, 3, 1, 90]),
        (torch.int8, [9, 101, 100, 3], [30, 3, 1, 90]),
        (torch.int16, [300, 7, 3, 2], [200, 9000, 1, 1]),
        (torch.int32, [70_000, 3, 2, 5], [70_000, 1, 1, 1]),
    ):
        k, d = torch.tensor(kernels, dtype=dtype), torch.tensor(dilations, dtype=dtype)
        compare(student, [SIZES], k, torch.tensor([100, 100, 2, 1], dtype=dtype), d)
        compare(student, [JUMPS], k, torch.tensor([100, 100, 2, 1], dtype=dtype), d)


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices and columns of a table should give what their copies give."
    kernels, strides = (torch.tensor(v) for v in stack(rng, [1, 2, 1, 1]))
    table = torch.stack([kernels, strides], 1)
    compare(student, [SIZES, JUMPS], table[:, 0], table[:, 1])
    compare(student, [SIZES, JUMPS], scattered(kernels[None])[0], scattered(strides[None])[0])
    compare(student, [SIZES, JUMPS], torch.tensor([3]).expand(4), strides)


@pytest.mark.points(2)
def test_large_numbers_are_exact(student):
    "Whole numbers should stay whole: floating point, also through logarithms, loses the last digits of large ones."
    compare(student, [JUMPS], [2, 2, 2], [3**12, 3**13, 3**14])
    compare(student, [SIZES], [3**19, 4, 2], [1, 1, 1], [3**19 + 2, 1, 1])
    compare(student, [SIZES, JUMPS], [2] * 61, [2] * 61)
    compare(student, [JUMPS], [2, 2], [3**24, 3**14])
    compare(student, [SIZES], [3**24, 2], [1, 1], [1, 3**25])


def test_deep_stacks(student, rng):
    "A stack may have hundreds of layers."
    kernels = [int(k) for k in integers(rng, 1, 9, 300)]
    compare(student, [SIZES, JUMPS], kernels, [2 if at % 60 == 7 else 1 for at in range(300)])


def test_leaves_its_inputs_alone(student, rng):
    "What came in should be afterwards what it was before."
    kernels, strides = (torch.tensor(v) for v in stack(rng, [2, 1, 3]))
    assert_untouched(student.receptive_fields, kernels, strides)
    assert_untouched(student.receptive_fields, kernels, strides, torch.tensor([2, 4, 3]))


def test_refuses_unlike_lengths(student):
    "Arguments of unlike lengths describe no stack: raise a ValueError, also where one of them has just one number."
    student.receptive_fields([3, 3, 3], [1, 1, 1], [1, 1, 1])  # allowed, so refusing everything does not pass
    for call in (
        ([3, 3, 3], [1, 1]),
        ([3, 3], [1, 1, 1]),
        ([3, 3, 3], [2]),
        ([3], [1, 1, 1]),
        ([3, 3, 3], [1, 1, 1], [2]),
        ([3, 3, 3], [1, 1, 1], [1, 1, 1, 1]),
        (torch.tensor([3, 3]), torch.tensor([1])),
        ([3, 3], []),
        ([3, 3], [1, 1], []),
    ):
        assert_refuses(student.receptive_fields, *call)


def test_refuses_numbers_without_a_meaning(student):
    "A kernel, a stride or a dilation that is zero or negative should raise a ValueError, in any layer."
    student.receptive_fields([1, 1], [1, 1], [1, 1])  # allowed, so refusing everything does not pass
    for call in (
        ([3, 0], [1, 1]),
        ([-3, 3], [1, 1]),
        ([3, 3], [1, 0]),
        ([3, 3], [-2, -2]),
        ([3, 3], [1, 1], [0, 1]),
        ([3, 3], [1, 1], [1, -1]),
        (torch.tensor([3, 0]), torch.tensor([1, 1])),
    ):
        assert_refuses(student.receptive_fields, *call)


def stack_of(rng, layers):
    return integers(rng, 2, 9, layers), torch.tensor([2 if at in (1, layers - 1) else 1 for at in range(layers)])


@pytest.mark.gate
def test_large_stacks(student, rng):
    "What is right for few layers is right for many, by the same code: the loops are looked for in these."
    assert_right_when_large(
        student.receptive_fields, by_recurrence, [stack_of(rng, 4), stack_of(rng, 5)], [stack_of(rng, 90)]
    )


@pytest.mark.gate
def test_no_loop_over_layers(student, rng):
    "The work should not grow with the number of layers: look for a loop over them, also a hidden one."
    long = [lambda: stack_of(rng, 20_000)]
    loop_free(student.receptive_fields, lambda n: stack_of(rng, n), by_recurrence, (6, 20, 70), long)
    lists = lambda n: tuple(v.tolist() for v in (*stack_of(rng, n), integers(rng, 1, 9, n)))  # noqa: E731
    loop_free(student.receptive_fields, lists, by_recurrence, (6, 20, 70))
