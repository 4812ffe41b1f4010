"""Hidden suite: the matrix of a 1-D convolution, against PyTorch's layer and, entry by entry, its definition."""

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


def definition(kernel, n, stride=1, padding=0, dilation=1):
    """A[o, i, c, j] = w[o, c, t] where s*i + d*t - p = j, one weight after the other."""
    outputs, inputs, k = kernel.shape
    m = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    matrix, rows = torch.zeros(outputs, m, inputs, n, dtype=kernel.dtype), torch.arange(m)
    for t in range(k):
        columns = stride * rows + dilation * t - padding
        inside = (columns >= 0) & (columns < n)
        matrix[:, rows[inside], :, columns[inside]] = kernel[:, :, t]
    return matrix.reshape(outputs * m, inputs * n)


def by_layer(kernel, n, **parameters):
    """What the layer makes of each sample alone, in float64: the columns of its matrix."""
    samples = kernel.shape[1] * n
    alone = torch.eye(samples, dtype=torch.float64).view(samples, kernel.shape[1], n)
    return F.conv1d(alone, kernel.double(), **parameters).flatten(1).T


def compare(student, kernel, n, **parameters):
    got = student.convolution_matrix(kernel, n, **parameters)
    assert_close(got, by_layer(kernel, n, **parameters).to(kernel.dtype))


@pytest.mark.points(2)
def test_one_channel(student, rng):
    "Every row holds the kernel, unflipped, one column further to the right than in the row above."
    compare(student, normal(rng, 1, 1, 3), 6)
    compare(student, normal(rng, 1, 1, 4), 9)


@pytest.mark.points(2)
def test_channels(student, rng):
    "There is a block for each pair of channels: those of the output one below the other, of the input side by side."
    compare(student, normal(rng, 4, 1, 3), 7)
    compare(student, normal(rng, 1, 3, 2), 6)
    compare(student, normal(rng, 2, 3, 3), 8)
    compare(student, normal(rng, 3, 3, 2), 5)


@pytest.mark.points(2)
def test_stride(student, rng):
    "With a stride each row starts that many columns further to the right, and there are fewer rows."
    for stride in (2, 3, 5):
        compare(student, normal(rng, 1, 1, 3), 11, stride=stride)


def test_samples_that_no_window_reached(student, rng):
    "Samples at the end that no window reached have columns of zeros."
    compare(student, normal(rng, 1, 1, 2), 10, stride=3)
    compare(student, normal(rng, 1, 1, 3), 9, stride=5)


@pytest.mark.points(2)
def test_padding(student, rng):
    "Padding has no columns: it adds rows in which the weights that meet it are missing, at both ends."
    for padding in (1, 2):
        compare(student, normal(rng, 1, 1, 4), 7, padding=padding)


def test_padding_wider_than_the_kernel(student, rng):
    "Padding may be wider than the kernel, and windows that see nothing else have rows of zeros."
    compare(student, normal(rng, 1, 1, 2), 5, padding=4)


@pytest.mark.points(2)
def test_dilation(student, rng):
    "Dilation leaves columns out between two weights, and these hold zeros."
    for dilation in (2, 3):
        compare(student, normal(rng, 1, 1, 3), 12, dilation=dilation)


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right alone, but together they are not: the column of weight t in row i is s·i + d·t − p."
    for n, k, stride, padding, dilation in (
        (11, 3, 2, 1, 2),
        (9, 2, 3, 2, 4),
        (10, 4, 2, 3, 3),
        (8, 3, 4, 5, 2),
        (4, 3, 9, 2, 1),  # a single row
        (3, 2, 8, 3, 1),  # a single row, of zeros
    ):
        compare(student, normal(rng, 2, 3, k), n, stride=stride, padding=padding, dilation=dilation)


def test_it_does_what_the_layer_does(student, rng):
    "Times a signal, channel after channel in one column, the matrix should give what the layer gives."
    x, kernel = normal(rng, 1, 3, 9, dtype=torch.float64), normal(rng, 2, 3, 4, dtype=torch.float64)
    matrix = student.convolution_matrix(kernel, 9)
    assert_close(matrix, by_layer(kernel, 9))
    assert_close(matrix @ x.flatten(), F.conv1d(x, kernel).flatten())


def test_double_precision(student, rng):
    "In float64 the matrix should be float64 and hold the very weights, so nothing may pass through float32."
    compare(student, normal(rng, 2, 2, 3, dtype=torch.float64), 6)
    compare(student, normal(rng, 1, 1, 3, dtype=torch.float64) * 1e200, 5, padding=1)


def test_half_precision(student, rng):
    "In float16 the matrix should be float16, also where a signal has more samples than that dtype can count."
    kernel = normal(rng, 1, 1, 2, dtype=torch.float16)
    compare(student, kernel, 6)
    assert_close(student.convolution_matrix(kernel, 5001, stride=1000), definition(kernel, 5001, 1000))


def test_weights_that_are_not_finite(student, rng):
    "A weight that is infinite or NaN stands in its own places, and all that no weight fills is zero."
    kernel = normal(rng, 2, 2, 3)
    kernel[0, 0, 0], kernel[0, 1, 2], kernel[1, 0, 1] = float("inf"), float("nan"), -float("inf")
    assert_close(student.convolution_matrix(kernel, 6), definition(kernel, 6))
    assert_close(student.convolution_matrix(kernel, 5, padding=2), definition(kernel, 5, padding=2))


def test_weights_of_zero(student, rng):
    "A kernel may hold zeros, and the other weights stand where they stood."
    kernel = normal(rng, 2, 1, 4)
    kernel[0, 0, 1], kernel[1, 0, 3] = 0.0, 0.0
    compare(student, kernel, 7)


def test_kernels_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded kernels should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 4)), 7)
    compare(student, normal(rng, 3, 4, 2).permute(2, 0, 1), 7)
    compare(student, normal(rng, 1, 3, 4).flip(2).expand(2, 3, 4), 7)


def test_leaves_the_kernel_alone(student, rng):
    "The kernel should be afterwards what it was before."
    assert_untouched(student.convolution_matrix, normal(rng, 2, 3, 3), 6)
    assert_untouched(student.convolution_matrix, normal(rng, 1, 1, 3, dtype=torch.float64), 5, padding=2)


def test_one_weight(student, rng):
    "A kernel of one weight has a diagonal of it for a matrix, and a signal of one sample a single column."
    compare(student, normal(rng, 1, 1, 1), 5)
    compare(student, normal(rng, 2, 3, 1), 1)


def test_kernel_as_long_as_the_signal(student, rng):
    "A kernel that just fits has one row, whatever the stride, and padding may make room for a longer one."
    compare(student, normal(rng, 2, 2, 6), 6, stride=4)
    compare(student, normal(rng, 1, 1, 7), 3, padding=2)
    compare(student, normal(rng, 1, 1, 3), 7, dilation=3)


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, and each pair of them has its block."
    compare(student, normal(rng, 2, 200, 2), 3)
    compare(student, normal(rng, 200, 2, 2), 3)


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, the gradient of a weight should be the sum over all entries that it fills."
    gradients_agree(student, rng, (2, 3, 3), 7)


def test_gradients_with_parameters(student, rng):
    "Once values are right with stride, padding and dilation, gradients should come through these branches as well."
    gradients_agree(student, rng, (2, 2, 3), 8, stride=2, padding=3, dilation=2)


def gradients_agree(student, rng, weights, n, **parameters):
    kernel = normal(rng, *weights)
    leaf = kernel.double().requires_grad_()
    matrix = by_layer(leaf, n, **parameters)
    upstream = normal(rng, *matrix.shape)
    assert_close(student.convolution_matrix(kernel, n, **parameters), matrix.detach().float())
    (gradient,) = student.convolution_matrix.gradients(kernel, n, upstream=upstream, **parameters)
    assert_close(gradient, torch.autograd.grad(matrix, leaf, upstream.double())[0].float())


@pytest.mark.points(2)
def test_refuses_kernels_that_do_not_fit(student, rng):
    "A kernel that reaches further than the padded signal should raise a ValueError, also when dilation is to blame."
    student.convolution_matrix(normal(rng, 1, 1, 5), 5)  # fits, so refusing everything does not pass
    student.convolution_matrix(normal(rng, 1, 1, 5), 3, padding=1)
    for k, n, parameters in (
        (6, 5, {}),
        (6, 5, {"stride": 2}),
        (9, 5, {"stride": 7}),
        (8, 5, {"padding": 1}),
        (3, 4, {"dilation": 2}),
        (3, 6, {"dilation": 4, "padding": 1}),
    ):
        assert_refuses(student.convolution_matrix, normal(rng, 1, 1, k), n, **parameters)


def test_refuses_parameters_without_a_meaning(student, rng):
    "A stride or dilation below 1 and a negative padding should raise a ValueError."
    kernel = normal(rng, 1, 1, 3)
    student.convolution_matrix(kernel, 8)
    for parameters in (
        *({"stride": 0}, {"stride": -1}, {"padding": -1}, {"dilation": 0}, {"dilation": -1}),
        {"dilation": -2, "padding": 1},
    ):
        assert_refuses(student.convolution_matrix, kernel, 8, **parameters)
    assert_refuses(student.convolution_matrix, normal(rng, 1, 1, 1), 8, dilation=0)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [(normal(rng, 2, 3, 3), 8)]
    # Kernels so long that few entries are zero: a matrix of zeros would be nearly right where most of them are.
    large = [(normal(rng, 9, 8, 3), 3), (normal(rng, 2, 2, 24), 25), (normal(rng, 1, 7, 5), 5)]
    assert_right_when_large(student.convolution_matrix, definition, small, large)


@pytest.mark.gate
def test_no_loop_over_channels_or_weights(student, rng):
    "The work should not grow with channels or weights: look for a loop over one of them, also a hidden one."
    channels = lambda n: (normal(rng, n, n + 1, 3), 7)  # noqa: E731
    weights = lambda n: (normal(rng, 2, 2, n), 16)  # noqa: E731
    long = [((4000, 1, 2), 2), ((1, 4000, 2), 2), ((1, 1, 4000), 4000)]
    clocked = [lambda shape=shape, n=n: (normal(rng, *shape), n) for shape, n in long]
    loop_free(student.convolution_matrix, channels, definition, (2, 4, 7), clocked)
    loop_free(student.convolution_matrix, weights, definition, (2, 4, 7))


@pytest.mark.gate
def test_no_loop_over_the_signal(student, rng):
    "The work should not grow with the signal: neither rows nor columns need to be visited one by one."
    kernel = normal(rng, 2, 2, 3)
    loop_free(student.convolution_matrix, lambda n: (kernel, n, 2, 1, 2), definition, (7, 14, 25))
    weights = normal(rng, 1, 1, 2)
    clocked = [lambda: (weights, 4000, 4000), lambda: (weights, 2, 1, 200)]
    loop_free(student.convolution_matrix, lambda n: (kernel, 4, 1, n), definition, (2, 6, 11), clocked)
