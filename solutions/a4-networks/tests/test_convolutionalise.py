"""What `check("convolutionalise")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def test_the_example(student):
    "The example of the text: both orders, and then standardised channels."
    weight = torch.tensor([[1.0, 2, 3, 4]])
    none = torch.zeros(1)
    first = torch.tensor([[[[1.0, 2]], [[3.0, 4]]]]), none
    last = torch.tensor([[[[1.0, 3]], [[2.0, 4]]]]), none
    assert_close(student.convolutionalise(weight, None, (1, 2)), first)
    assert_close(student.convolutionalise(weight, None, (1, 2), order="hwc"), last)
    mean, std = torch.tensor([1.0, 1]), torch.tensor([1.0, 2])
    wanted = torch.tensor([[[[1.0, 2]], [[1.5, 2]]]]), torch.tensor([-1.5])
    assert_close(student.convolutionalise(weight, torch.tensor([5.0]), (1, 2), mean, std), wanted)


def windows(x, height, width):
    """Each window of ``x`` as a map of its own, one after the other: shape (windows, C, height, width)."""
    return x.unfold(2, height, 1).unfold(3, width, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def slides(student, x, kernel, bias, wanted):
    assert_close(F.conv2d(x, kernel, bias).permute(0, 2, 3, 1).reshape(wanted.shape), wanted, rtol=1e-3, atol=1e-4)


def test_it_slides_by_example(student, rng):
    "On a larger map the convolution gives what the layer gives for each window by itself."
    x, weight, bias = normal(rng, 2, 3, 6, 7), normal(rng, 4, 3 * 2 * 5), normal(rng, 4)
    wanted = F.linear(windows(x, 2, 5).flatten(1), weight, bias)
    slides(student, x, *student.convolutionalise(weight, bias, (2, 5)), wanted)


def test_channels_last_by_example(student, rng):
    "In the order hwc all channels of one pixel are neighbours in the row."
    x, weight, bias = normal(rng, 1, 4, 5, 6), normal(rng, 2, 4 * 3 * 2), normal(rng, 2)
    wanted = F.linear(windows(x, 3, 2).permute(0, 2, 3, 1).flatten(1), weight, bias)
    slides(student, x, *student.convolutionalise(weight, bias, (3, 2), order="hwc"), wanted)


def test_standardised_channels_by_example(student, rng):
    "The convolution reads the map as it is and gives what the layer gives for the standardised one."
    x, weight, bias = normal(rng, 1, 3, 5, 5), normal(rng, 2, 27), normal(rng, 2)
    mean, std = normal(rng, 3), normal(rng, 3).abs() + 0.5
    each = (windows(x, 3, 3) - mean[:, None, None]) / std[:, None, None]
    slides(student, x, *student.convolutionalise(weight, bias, 3, mean, std), F.linear(each.flatten(1), weight, bias))


def test_the_layers_behind(student, rng):
    "With the window 1 the kernel holds the matrix as it is, and a layer without a bias gets one of zeros."
    weight = normal(rng, 5, 8)
    assert_close(student.convolutionalise(weight, None, 1), (weight[:, :, None, None], torch.zeros(5)))


def test_a_transposed_matrix(student, rng):
    "The matrix may be the transpose of one that is stored the other way round."
    weight = normal(rng, 12, 2)
    assert_close(student.convolutionalise(weight.T, None, 2)[0], weight.T.clone().view(2, 3, 2, 2))


def test_refuses_what_does_not_fit(student, rng):
    "Rows that are no whole number of channels, other lengths and other orders should raise a ValueError."
    weight = normal(rng, 2, 12)
    student.convolutionalise(weight, None, 2)  # so refusing everything does not pass
    assert_refuses(student.convolutionalise, weight, None, (2, 5))
    assert_refuses(student.convolutionalise, weight, torch.zeros(3), 2)
    assert_refuses(student.convolutionalise, weight, None, 2, torch.zeros(2))
    assert_refuses(student.convolutionalise, weight, None, 2, order="cwh")


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the layer: look for a loop over outputs, channels or places of the window."
    make = lambda n: (normal(rng, n, (n + 1) * n * n), normal(rng, n), n)  # noqa: E731
    expected = lambda weight, bias, n: (weight.reshape(n, n + 1, n, n), bias)  # noqa: E731
    loop_free(student.convolutionalise, make, expected, sizes=(2, 3, 5))
