"""Hidden suite: the convolution of a fully connected layer, by the number of each place of a window in its row."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)


def expected(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = (window, window) if isinstance(window, int) else window
    channels = weight.shape[1] // (h * w)
    c, a, e = torch.meshgrid(torch.arange(channels), torch.arange(h), torch.arange(w), indexing="ij")
    number = c * h * w + a * w + e if order == "chw" else (a * w + e) * channels + c
    kernel = weight.double()[:, number]
    if std is not None:
        kernel = kernel / std.double()[None, :, None, None]
    total = torch.zeros(len(weight), dtype=torch.float64) if bias is None else bias.double()
    if mean is not None:
        total = total - torch.einsum("ocae,c->o", kernel, mean.double())
    return kernel.to(weight.dtype), total.to(weight.dtype)


def compare(student, *args, **kwargs):
    got, wanted = student.convolutionalise(*args, **kwargs), expected(*args, **kwargs)
    assert_close(got, wanted)


def compare_kernel(student, *args, **kwargs):
    """The kernel alone, where the bias is another test's."""
    kernel, _ = student.convolutionalise(*args, **kwargs)
    assert_close(kernel, expected(*args, **kwargs)[0])


@pytest.mark.points(2)
def test_channels_first(student, rng):
    "In the order chw the row holds one channel after the other, and each of them row by row."
    for outputs, channels, window in ((3, 4, (2, 3)), (2, 3, (4, 1)), (4, 2, 3)):
        h, w = (window, window) if isinstance(window, int) else window
        compare_kernel(student, normal(rng, outputs, channels * h * w), normal(rng, outputs), window)


def test_rows_of_the_window_first(student, rng):
    "The window is (rows, columns), and it is neither transposed nor turned around."
    compare_kernel(student, normal(rng, 2, 3 * 2 * 5), normal(rng, 2), (2, 5))
    compare_kernel(student, normal(rng, 2, 3 * 5 * 2), normal(rng, 2), (5, 2))


@pytest.mark.points(2)
def test_channels_last(student, rng):
    "In the order hwc all channels of the first pixel come first, then those of its right neighbour."
    for outputs, channels, window in ((3, 4, (2, 3)), (2, 3, (4, 1)), (4, 2, 3)):
        h, w = (window, window) if isinstance(window, int) else window
        compare_kernel(student, normal(rng, outputs, channels * h * w), normal(rng, outputs), window, order="hwc")


def test_order_is_the_last_parameter(student, rng):
    "The parameters stand in the order of the text: weight, bias, window, mean, std and order, which is chw by default."
    weight, bias, mean, std = normal(rng, 2, 18), normal(rng, 2), normal(rng, 3), normal(rng, 3).abs() + 0.5
    args = (weight, bias, (2, 3), mean, std, "hwc")
    assert_close(student.convolutionalise(*args)[0].shape, expected(*args)[0].shape)
    compare_kernel(student, weight, bias, (2, 3))
    compare_kernel(student, weight, bias, (2, 3), order="chw")


def test_the_bias(student, rng):
    "Without a mean the bias of the convolution is that of the layer."
    weight, bias = normal(rng, 4, 12), normal(rng, 4)
    assert_close(student.convolutionalise(weight, bias, (2, 2))[1], bias)
    assert_close(student.convolutionalise(weight, bias, (2, 2), None, normal(rng, 3).abs() + 0.5)[1], bias)


def test_no_bias(student, rng):
    "A layer without a bias becomes a convolution with a bias of zeros."
    for dtype in (torch.float32, torch.float64, torch.float16):
        weight = normal(rng, 3, 8, dtype=dtype)
        assert_close(student.convolutionalise(weight, None, 2)[1], torch.zeros(3, dtype=dtype))


@pytest.mark.points(2)
def test_the_mean(student, rng):
    "What the mean takes away is the same at every place of the map, so it belongs into the bias."
    for window in (1, (2, 3)):
        h, w = (window, window) if isinstance(window, int) else window
        weight, bias, mean = normal(rng, 3, 4 * h * w), normal(rng, 3), normal(rng, 4)
        assert_close(student.convolutionalise(weight, bias, window, mean)[1], expected(weight, bias, window, mean)[1])


def test_the_mean_without_a_bias(student, rng):
    "A layer without a bias gets one from the mean."
    weight, mean = normal(rng, 3, 12), normal(rng, 3)
    assert_close(student.convolutionalise(weight, None, 2, mean)[1], expected(weight, None, 2, mean)[1])


@pytest.mark.points(2)
def test_the_divisors(student, rng):
    "Each channel of the kernel is divided by its own divisor."
    weight, bias, std = normal(rng, 3, 4 * 6), normal(rng, 3), normal(rng, 4).abs() + 0.5
    compare_kernel(student, weight, bias, (2, 3), None, std)
    compare_kernel(student, weight[:, :9], bias, 3, std=std[:1])


def test_the_mean_is_divided_too(student, rng):
    "The mean is subtracted before the division, so what it takes away is divided as well."
    weight, bias = normal(rng, 3, 4 * 6), normal(rng, 3)
    mean, std = normal(rng, 4), normal(rng, 4).abs() + 0.5
    args = (weight, bias, (2, 3), mean, std)
    assert_close(student.convolutionalise(*args)[1], expected(*args)[1])


def test_both_in_the_other_order(student, rng):
    "Mean and divisors are those of the channels, also where the channels come last in the row."
    weight, bias = normal(rng, 2, 5 * 6), normal(rng, 2)
    compare(student, weight, bias, (3, 2), normal(rng, 5), normal(rng, 5).abs() + 0.5, "hwc")


@pytest.mark.points(2)
def test_it_slides(student, rng):
    "On a larger map the convolution gives for each window what the layer gives for it by itself."
    x, weight, bias = normal(rng, 2, 3, 7, 6), normal(rng, 4, 3 * 3 * 2), normal(rng, 4)
    each = x.unfold(2, 3, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5)
    wanted = F.linear(each.flatten(3), weight, bias).permute(0, 3, 1, 2)
    assert_close(F.conv2d(x, *student.convolutionalise(weight, bias, (3, 2))), wanted, 1e-3, 1e-4)


def test_the_window_of_one_place(student, rng):
    "Layers behind the first one have the window 1, and their kernel has two axes of length one."
    compare(student, normal(rng, 5, 7), normal(rng, 5), 1)
    compare(student, normal(rng, 5, 7), normal(rng, 5), (1, 1), order="hwc")


def test_single_channels_and_outputs(student, rng):
    "One channel, one output or one row of the window are still axes of length one."
    for outputs, channels, window in ((1, 3, (2, 2)), (3, 1, (2, 3)), (2, 3, (1, 4)), (1, 1, (1, 1))):
        h, w = window
        compare(student, normal(rng, outputs, channels * h * w), normal(rng, outputs), window, normal(rng, channels))


def test_hundreds_of_channels(student, rng):
    "A map may have hundreds of channels, and a layer hundreds of outputs."
    compare(student, normal(rng, 2, 300 * 4).abs(), normal(rng, 2), 2, normal(rng, 300).abs())
    compare(student, normal(rng, 300, 12), normal(rng, 300), 2, order="hwc")


def test_no_outputs(student, rng):
    "A layer without outputs becomes a convolution without outputs."
    compare(student, torch.zeros(0, 12), torch.zeros(0), (2, 3))


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits."
    weight, bias, mean = (normal(rng, *shape, dtype=torch.float64) for shape in ((3, 24), (3,), (4,)))
    compare(student, weight, bias, (2, 3), mean, normal(rng, 4, dtype=torch.float64).abs() + 0.5)
    compare(student, weight * 1e200, bias, (2, 3))


def test_half_precision(student, rng):
    "Weights of a network in half precision stay what they are."
    compare(student, normal(rng, 3, 24, dtype=torch.float16), normal(rng, 3, dtype=torch.float16), (2, 3))


def test_weights_that_are_not_contiguous(student, rng):
    "A transpose or a slice of a larger matrix should give what its copy gives."
    compare_kernel(student, normal(rng, 24, 3).T, normal(rng, 3), (2, 3))
    compare_kernel(student, scattered(normal(rng, 3, 24)), normal(rng, 3), (2, 3))
    compare_kernel(student, normal(rng, 5, 30)[1:4, 3:27], normal(rng, 3), (2, 3), order="hwc")
    compare_kernel(student, normal(rng, 1, 24).expand(3, 24), normal(rng, 3), (2, 3))


def test_leaves_its_inputs_alone(student, rng):
    "The layer should be afterwards what it was before: it is still in use."
    weight, bias, mean = normal(rng, 3, 24), normal(rng, 3), normal(rng, 4)
    assert_untouched(student.convolutionalise, weight, bias, (2, 3))
    assert_untouched(student.convolutionalise, weight, bias, (2, 3), mean, normal(rng, 4).abs() + 0.5)
    assert_untouched(student.convolutionalise, weight, bias, (2, 3), mean, None, "hwc")


def test_refuses_rows_that_do_not_fit(student, rng):
    "A row that is no whole number of channels should raise a ValueError."
    weight = normal(rng, 2, 24)
    student.convolutionalise(weight, None, (2, 3))  # so refusing everything does not pass
    for window in (5, (2, 5), (5, 2), (7, 1), (1, 9)):
        assert_refuses(student.convolutionalise, weight, None, window)
    assert_refuses(student.convolutionalise, weight, None, (3, 5), order="hwc")
    assert_refuses(student.convolutionalise, normal(rng, 2, 25), None, (2, 3))
    assert_refuses(student.convolutionalise, normal(rng, 12, 26), None, (2, 3))  # all rows together would fit


def test_refuses_other_lengths(student, rng):
    "A bias, a mean or divisors of another length, be it one, should raise a ValueError and never broadcast."
    weight, bias, values = normal(rng, 3, 24), normal(rng, 3), normal(rng, 4).abs() + 0.5
    student.convolutionalise(weight, bias, (2, 3), values, values)  # so refusing everything does not pass
    for length in (1, 2, 5):
        other = normal(rng, length).abs() + 0.5
        assert_refuses(student.convolutionalise, weight, other, (2, 3))
        assert_refuses(student.convolutionalise, weight, bias, (2, 3), other)
        assert_refuses(student.convolutionalise, weight, bias, (2, 3), None, other)


def test_refuses_other_orders(student, rng):
    "An order that is neither of the two should raise a ValueError."
    weight = normal(rng, 2, 24)
    student.convolutionalise(weight, None, (2, 3), order="hwc")  # so refusing everything does not pass
    for order in ("whc", "HWC", "", "nchw"):
        assert_refuses(student.convolutionalise, weight, None, (2, 3), order=order)


def layer(rng, outputs, channels, h, w):
    return normal(rng, outputs, channels * h * w), normal(rng, outputs), (h, w)


@pytest.mark.gate
def test_large_layers(student, rng):
    "What is right for small layers is right for large ones, by the same code: the loops are looked for in these."
    small = [layer(rng, 2, 3, 2, 3), layer(rng, 3, 2, 3, 2)]
    large = [layer(rng, 9, 3, 2, 3), layer(rng, 3, 10, 3, 2), layer(rng, 2, 3, 8, 9)]
    assert_right_when_large(student.convolutionalise, expected, small, large)


@pytest.mark.gate
def test_no_loop_over_outputs_or_channels(student, rng):
    "The work should not grow with outputs or channels: look for a loop over one of them, also a hidden one."
    make = lambda n: (*layer(rng, n, n + 1, 2, 3), normal(rng, n + 1), normal(rng, n + 1).abs() + 1)  # noqa: E731
    long = [lambda: layer(rng, 20_000, 1, 1, 2), lambda: layer(rng, 1, 20_000, 1, 2)]
    loop_free(student.convolutionalise, make, expected, (2, 5, 9), clocked=long)


@pytest.mark.gate
def test_no_loop_over_the_window(student, rng):
    "The work should not grow with the window: look for a loop over its rows or columns, also a hidden one."
    make = lambda n: layer(rng, 2, 3, n, n + 2)  # noqa: E731
    long = [lambda: layer(rng, 1, 1, 20_000, 1), lambda: layer(rng, 1, 1, 1, 20_000)]
    loop_free(student.convolutionalise, make, expected, (2, 5, 9), clocked=long, order="hwc")
