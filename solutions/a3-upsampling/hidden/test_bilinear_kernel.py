"""Hidden suite: the bilinear kernel, against its definition in float64 and against PyTorch's interpolation."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Failure, assert_close, assert_refuses, assert_right_when_large, loop_free, normal


def tent(f):
    k = 2 * f - f % 2
    return torch.tensor([1 - abs(a - (k - 1) / 2) / f for a in range(k)], dtype=torch.float64)


def definition(factor, channels):
    fh, fw = (factor, factor) if isinstance(factor, int) else factor
    kernel = torch.outer(tent(fh), tent(fw))
    weights = torch.zeros(channels, channels, *kernel.shape, dtype=torch.float64)
    weights[range(channels), range(channels)] = kernel
    return weights.float()


def compare(student, *call):
    assert_close(student.bilinear_kernel(*call), definition(*call))


def enlarged(student, x, fh, fw):
    """What a layer with these weights makes of ``x``, less the border, and what interpolation does."""
    weights = student.bilinear_kernel((fh, fw), x.shape[1])
    wanted = F.interpolate(x, scale_factor=(fh, fw), mode="bilinear", align_corners=False)
    k = [2 * f - f % 2 for f in (fh, fw)]
    if not isinstance(weights, torch.Tensor) or weights.shape != (x.shape[1], x.shape[1], *k):
        raise Failure("the shape is not the right one")
    y = F.conv_transpose2d(x, weights.to(x.dtype), stride=(fh, fw), padding=(fh // 2, fw // 2))
    inside = (..., slice(fh, -fh), slice(fw, -fw))
    return y[inside], wanted[inside]


@pytest.mark.points(2)
def test_odd_factors(student):
    "For an odd factor a weight of 1 stands at the centre, and the others fall in equal steps on both sides."
    for factor in (5, 7, 9):
        compare(student, (factor, factor), 1)


@pytest.mark.points(2)
def test_even_factors(student):
    "For an even factor the centre lies between two weights, half a step from each: no weight is 1."
    for factor in (4, 6, 8):
        compare(student, (factor, factor), 1)


@pytest.mark.points(2)
def test_a_factor_for_each_axis(student):
    "A pair gives the vertical factor first and the horizontal one second, each with a size and a centre of its own."
    for factor in ((3, 5), (2, 4), (4, 3), (5, 2), (7, 2)):
        compare(student, factor, 1)


def test_one_factor_for_both_axes(student):
    "A single number is the factor of both axes."
    compare(student, 5, 1)
    compare(student, 6, 1)


@pytest.mark.points(2)
def test_each_channel_by_itself(student):
    "A channel is enlarged from itself alone: weights that lead from one channel to another are zero."
    compare(student, (3, 3), 3)
    compare(student, (2, 2), 2)


def test_factor_one(student):
    "With factor 1 the kernel of this axis is a single weight of 1: nothing is interpolated along it."
    for factor in ((1, 1), (1, 3), (4, 1)):
        compare(student, factor, 1)


def test_large_factors(student):
    "A network with a large stride needs a factor as large, and its kernel has about twice as many rows."
    compare(student, (32, 32), 1)
    compare(student, (33, 64), 1)


def test_many_channels(student):
    "There may be hundreds of channels."
    compare(student, (2, 3), 200)


def test_a_constant_stays_constant(student):
    "A map that is constant should stay constant away from the border: the weights that meet in a pixel sum to 1."
    for fh, fw in ((4, 4), (5, 5), (4, 2), (5, 3)):
        assert_close(*enlarged(student, torch.ones(1, 1, 5, 5), fh, fw))


def test_it_interpolates(student, rng):
    "Away from the border the layer should agree with F.interpolate, along both axes and for any map."
    for fh, fw in ((2, 2), (3, 3), (4, 4)):
        assert_close(*enlarged(student, normal(rng, 2, 2, 6, 5), fh, fw))


def test_precision(student):
    "The weights should be float32 tensors, exact to the digits of that dtype."
    got = student.bilinear_kernel((12, 7), 1)
    assert_close(got, definition((12, 7), 1), rtol=2e-6, atol=1e-7)


def test_refuses_factors_below_one(student):
    "A factor below 1, along either axis, should raise a ValueError."
    student.bilinear_kernel((1, 4), 1)  # so refusing everything does not pass
    for factor in (0, -1, (0, 2), (2, 0), (-2, 2), (1, -3), (-2, -2)):
        assert_refuses(student.bilinear_kernel, factor, 2)


def test_refuses_fewer_than_one_channel(student):
    "Fewer than one channel should raise a ValueError."
    student.bilinear_kernel((4, 4), 1)  # so refusing everything does not pass
    for channels in (0, -1):
        assert_refuses(student.bilinear_kernel, (2, 2), channels)


@pytest.mark.gate
def test_large_kernels(student):
    "What is right for small kernels is right for large ones, by the same code: the loops are looked for in these."
    # An odd and an even factor in one: whoever is wrong for one of them is wrong for other reasons than the size.
    small = [((3, 2), 1)]
    assert_right_when_large(student.bilinear_kernel, definition, small, [((24, 25), 1), ((25, 24), 1)])


@pytest.mark.gate
def test_no_loop_over_the_weights(student):
    "The work should not grow with the factor: all weights of an axis can be computed at once."
    clocked = [lambda: ((4000, 1), 1), lambda: ((1, 4000), 1)]
    loop_free(student.bilinear_kernel, lambda n: ((2 * n, 2 * n + 1), 1), definition, (3, 7, 12), clocked)


@pytest.mark.gate
def test_no_loop_over_the_channels(student):
    "The work should not grow with the channels: the diagonal can be filled at once."
    loop_free(student.bilinear_kernel, lambda n: ((2, 2), n), definition, (3, 7, 12))
