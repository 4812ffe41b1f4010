"""Hidden suite: the effective field, against autograd through PyTorch's convolution in float64, stack by stack."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)

FIELD, SPREAD = 0, 1


def definition(weights):
    stacks, layers, kh, kw = weights.shape
    rows, columns = layers * (kh - 1) + 1, layers * (kw - 1) + 1
    field = torch.ones(stacks, rows, columns, dtype=torch.float64)
    for n, kernels in enumerate(weights.double()):
        x = torch.zeros(1, 1, rows, columns, dtype=torch.float64, requires_grad=True)
        y = x
        for kernel in kernels:
            y = F.conv2d(y, kernel[None, None])
        field[n] = torch.autograd.grad(y.sum(), x)[0][0, 0].abs()
    spread = torch.stack([deviation(field.sum(2)), deviation(field.sum(1))], 1)
    return field.to(weights.dtype), spread.to(weights.dtype)


def deviation(profiles):
    found = torch.zeros(len(profiles), dtype=torch.float64)
    for n, profile in enumerate(profiles):
        if profile.sum() > 0:
            at = torch.arange(len(profile), dtype=torch.float64)
            centre = (at * profile).sum() / profile.sum()
            found[n] = ((at - centre).square() * profile).sum().div(profile.sum()).sqrt()
    return found


def compare(student, which, weights):
    """Compare those of the two results that ``which`` names."""
    wanted, got = definition(weights), student.effective_field(weights)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of a field and its spread", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


@pytest.mark.points(2)
def test_two_layers(student, rng):
    "A pixel reaches the output through every pair of taps whose places add up to its own: sum over these paths."
    compare(student, [FIELD], normal(rng, 2, 2, 3, 3).abs())


@pytest.mark.points(2)
def test_orientation(student, rng):
    "Kernels are not flipped in a convolutional layer, and the map lies as the image does, not mirrored or transposed."
    compare(student, [FIELD], normal(rng, 2, 1, 3, 3))
    compare(student, [FIELD], torch.arange(18.0).view(1, 2, 3, 3))


@pytest.mark.points(2)
def test_absolute_values_come_last(student, rng):
    "Paths of opposite sign cancel: take the absolute value of the whole gradient, not of the weights on the way."
    compare(student, [FIELD], normal(rng, 3, 2, 3, 3))
    compare(student, [FIELD], torch.tensor([1.0, -1.0]).view(1, 1, 1, 2) * normal(rng, 1, 3, 1, 1))


@pytest.mark.points(2)
def test_more_layers(student, rng):
    "Every layer adds its kernel less one pixel to the map, on each side of which something reaches the output."
    for layers in (3, 5):
        compare(student, [FIELD], normal(rng, 2, layers, 3, 3))


@pytest.mark.points(2)
def test_kernels_that_are_not_square(student, rng):
    "Rows and columns are independent: a kernel may be wider than high, higher than wide, a single row or column."
    for shape in ((2, 3), (4, 2), (1, 3), (3, 1), (5, 2)):
        compare(student, [FIELD], normal(rng, 2, 3, *shape))


@pytest.mark.points(2)
def test_spread_of_one_kernel(student, rng):
    "The spread is the root of the mean squared distance from the centre, weighted with the map."
    compare(student, [SPREAD], normal(rng, 2, 1, 7, 7))
    compare(student, [SPREAD], torch.ones(1, 1, 5, 5))


@pytest.mark.points(2)
def test_spread_around_the_centre_of_mass(student):
    "Distances count from the map's own centre of mass, which need not be the middle of the image nor a whole pixel."
    weights = torch.zeros(1, 1, 6, 6)
    weights[0, 0, :2, 3:] = torch.tensor([[1.0, 2.0, 5.0], [4.0, 3.0, 1.0]])
    compare(student, [SPREAD], weights)


@pytest.mark.points(2)
def test_rows_come_before_columns(student):
    "The first number of the spread is along the rows' axis (up and down), the second along the columns'."
    weights = torch.ones(1, 1, 2, 7)
    compare(student, [SPREAD], weights)
    compare(student, [SPREAD], weights.transpose(2, 3).contiguous())


def test_the_map_is_not_scaled(student, rng):
    "The map is the gradient as it is, and the spread does not depend on its scale."
    weights = normal(rng, 2, 2, 3, 2)
    for scale in (1000.0, 1 / 64):
        compare(student, [FIELD, SPREAD], weights * scale)


@pytest.mark.points(2)
def test_stacks_do_not_mix(student, rng):
    "Each stack has its own field: no stack's weights may reach another's map or change its spread."
    # In float64: in float32 an entry that nearly cancels is not as exact as the others.
    weights = normal(rng, 5, 3, 3, 2, dtype=torch.float64)
    compare(student, [FIELD, SPREAD], weights * torch.tensor([1e-2, 1, 10, 3, 0.1]).view(5, 1, 1, 1))


def test_hundreds_of_stacks(student, rng):
    "There may be hundreds of stacks."
    compare(student, [FIELD, SPREAD], normal(rng, 300, 2, 2, 3, dtype=torch.float64))


def test_one_stack_of_one_pixel(student, rng):
    "Kernels of one pixel keep the field at one pixel, whose spread is 0."
    compare(student, [FIELD, SPREAD], -normal(rng, 1, 3, 1, 1).abs())  # so that the gradient is negative
    compare(student, [FIELD, SPREAD], -normal(rng, 2, 1, 1, 1).abs())


def test_no_layers(student):
    "A stack of no layers is the image itself: a map of one pixel, which is 1, and a spread of 0."
    compare(student, [FIELD, SPREAD], torch.zeros(3, 0, 3, 2))
    compare(student, [FIELD, SPREAD], torch.zeros(2, 0, 2, 4, dtype=torch.float64))


def test_no_stacks(student):
    "No stacks give no maps, of the size that they would have, and no spreads."
    compare(student, [FIELD, SPREAD], torch.zeros(0, 3, 3, 2))
    compare(student, [FIELD, SPREAD], torch.zeros(0, 1, 1, 4, dtype=torch.float64))


@pytest.mark.points(2)
def test_maps_of_zeros(student, rng):
    "A map of zeros has the spread 0 and not NaN, and leaves the spreads of other stacks as they are."
    weights = normal(rng, 3, 2, 3, 3)
    weights[1, 1] = 0
    compare(student, [FIELD, SPREAD], weights)
    compare(student, [FIELD, SPREAD], torch.zeros(1, 2, 2, 2))


def test_a_single_pixel(student):
    "Where a single pixel matters the spread is 0, wherever it lies."
    weights = torch.zeros(2, 3, 40, 9)
    weights[0, :, 39, 3], weights[1, :, 20, 0] = 0.7, 1.3
    wanted, got = definition(weights), student.effective_field(weights)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of a field and its spread", got, wanted)
    assert_close(got[SPREAD], wanted[SPREAD], atol=1e-3)


def test_a_narrow_field_far_from_the_edge(student):
    "Subtract the centre before you square: the difference of two large squares has lost its digits."
    weights = torch.zeros(1, 3, 1, 400)
    weights[..., 397:] = torch.tensor([0.1, 1.0, 0.2])
    wanted, got = definition(weights), student.effective_field(weights)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of a field and its spread", got, wanted)
    assert_close(got[SPREAD], wanted[SPREAD], rtol=2e-3)


def test_deep_stacks(student, rng):
    "A stack may have dozens of layers."
    weights = normal(rng, 1, 30, 3, 3).abs()
    compare(student, [FIELD, SPREAD], weights / weights.sum((2, 3), keepdim=True))
    compare(student, [FIELD, SPREAD], normal(rng, 1, 12, 3, 2, dtype=torch.float64))


def test_double_precision(student, rng):
    "In float64 both results should be float64 and right to their last digits."
    compare(student, [FIELD, SPREAD], normal(rng, 2, 3, 4, 3, dtype=torch.float64))


def test_weights_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded weights should give what their copies give."
    weights = normal(rng, 2, 3, 4, 3)
    compare(student, [FIELD, SPREAD], scattered(weights))
    compare(student, [FIELD, SPREAD], weights.transpose(0, 1))
    compare(student, [FIELD, SPREAD], weights.transpose(2, 3))
    compare(student, [FIELD, SPREAD], weights[:1, :1].expand(2, 3, 4, 3))


def test_leaves_the_weights_alone(student, rng):
    "The weights should be afterwards what they were before, with one layer as with many."
    assert_untouched(student.effective_field, normal(rng, 2, 3, 3, 2))
    assert_untouched(student.effective_field, normal(rng, 1, 1, 3, 3))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [(normal(rng, *shape).abs(),) for shape in ((2, 2, 3, 3), (3, 2, 2, 3))]
    large = [(normal(rng, *shape).abs(),) for shape in ((60, 2, 3, 3), (2, 2, 12, 11))]
    assert_right_when_large(student.effective_field, definition, small, large)


@pytest.mark.gate
def test_no_loop_over_stacks(student, rng):
    "The work should not grow with the number of stacks: look for a loop over them, also a hidden one."
    make = lambda n: (normal(rng, n, 2, 3, 3),)  # noqa: E731
    loop_free(student.effective_field, make, definition, (2, 6, 20), [lambda: (normal(rng, 3000, 1, 2, 2),)])


@pytest.mark.gate
def test_no_loop_over_pixels_or_weights(student, rng):
    "The work should not grow with the kernel: look for a loop over its weights or over the pixels of the field."
    loop_free(student.effective_field, lambda n: (normal(rng, 2, 2, n, n + 1),), definition, (2, 5, 9))
