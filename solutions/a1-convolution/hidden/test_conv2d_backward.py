"""Hidden suite: the three gradients of a convolutional layer, against autograd through PyTorch's own in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)

X, W, B = 0, 1, 2


def layer(rng, images, weights, stride=1, padding=0, dtype=torch.float32):
    """A gradient for the layer's output, the image and the kernel: the arguments of a call."""
    x, w = normal(rng, *images, dtype=dtype), normal(rng, *weights, dtype=dtype)
    y = F.conv2d(x, w, stride=stride, padding=padding)
    return normal(rng, *y.shape, dtype=dtype), x, w


def expected(grad_out, x, w, stride=1, padding=0):
    leaves = [x.double(), w.double(), torch.zeros(w.shape[0], dtype=torch.float64)]
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    y = F.conv2d(*leaves, stride=stride, padding=padding)
    return tuple(g.to(x.dtype) for g in torch.autograd.grad(y, leaves, grad_out.double()))


def compare(student, which, call, **parameters):
    """Compare those of the three gradients that ``which`` names."""
    got, wanted = student.conv2d_backward(*call, **parameters), expected(*call, **parameters)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three gradients", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


def test_bias_gradient_is_a_sum(student, rng):
    "The bias is added to every pixel of every image of its channel, so its gradient sums over all of them."
    compare(student, [B], layer(rng, (3, 2, 6, 7), (4, 2, 2, 3)))
    compare(student, [B], layer(rng, (2, 1, 9, 9), (3, 1, 3, 3), 2, 1), stride=2, padding=1)


@pytest.mark.points(2)
def test_weight_gradient(student, rng):
    "A weight meets one pixel of each window of each image: correlate image and gradient, and sum over the batch."
    compare(student, [W], layer(rng, (3, 2, 7, 6), (4, 2, 3, 2)))


@pytest.mark.points(2)
def test_image_gradient(student, rng):
    "A pixel meets the weights in reverse order as the window passes over it: the kernel is flipped along both axes."
    compare(student, [X], layer(rng, (2, 2, 7, 8), (3, 2, 3, 4)))


def test_image_gradient_sums_over_output_channels(student, rng):
    "Every output channel saw the pixel, so its gradient adds up what comes back from each of them."
    compare(student, [X], layer(rng, (1, 4, 5, 5), (6, 4, 2, 2)))


@pytest.mark.points(2)
def test_stride_in_the_weight_gradient(student, rng):
    "With a stride, a weight met only every s-th pixel: take the windows where the layer took them."
    for stride in (2, (3, 1), (1, 2)):
        compare(student, [W], layer(rng, (2, 2, 10, 9), (3, 2, 3, 2), stride), stride=stride)


@pytest.mark.points(2)
def test_stride_in_the_image_gradient(student, rng):
    "With a stride, gradients lie s pixels apart on the image with zeros between, on each axis its own distance."
    for stride in (2, (3, 1), (1, 2)):
        rows, columns = (stride, stride) if isinstance(stride, int) else stride
        images = (2, 2, 3 + 3 * rows, 2 + 3 * columns)
        compare(student, [X], layer(rng, images, (3, 2, 3, 2), stride), stride=stride)


@pytest.mark.points(2)
def test_pixels_that_no_window_reached(student, rng):
    "Pixels at the far edge that no window reached have a gradient of zero, and still have a place in it."
    compare(student, [X, W], layer(rng, (2, 2, 9, 12), (2, 2, 3, 3), 4), stride=4)
    compare(student, [X, W], layer(rng, (1, 2, 8, 8), (3, 2, 2, 3), (5, 3)), stride=(5, 3))


@pytest.mark.points(2)
def test_padding(student, rng):
    "The padding took part in the layer but is no part of the image: pad for the weights, cut it off for the image."
    for padding in (1, 2, (2, 0), (0, 1)):
        compare(student, [X, W], layer(rng, (2, 2, 6, 5), (3, 2, 3, 3), padding=padding), padding=padding)


def test_padding_wider_than_the_kernel(student, rng):
    "Padding may be wider than the kernel, on one axis or on both, and then some windows saw nothing but zeros."
    for padding in (4, (3, 0), (1, 4), (0, 7)):
        compare(student, [X, W, B], layer(rng, (2, 2, 4, 5), (2, 2, 2, 3), padding=padding), padding=padding)
    call = layer(rng, (2, 2, 5, 4), (3, 2, 2, 2), (2, 3), (3, 4))
    compare(student, [X, W, B], call, stride=(2, 3), padding=(3, 4))


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Stride and padding are right on their own, but together they are not: the stride counts from the padded edge."
    # In each all pixels of the padded image are reached.
    for images, stride, padding in (
        ((2, 3, 10, 11), (2, 1), (1, 2)),
        ((2, 3, 9, 9), (1, 3), (2, 0)),
        ((1, 3, 10, 10), (3, 2), (0, 1)),
        ((2, 3, 8, 12), (2, 3), (3, 0)),
    ):
        call = layer(rng, images, (4, 3, 4, 3), stride, padding)
        compare(student, [X, W, B], call, stride=stride, padding=padding)


def test_double_precision(student, rng):
    "In float64 all three gradients should be float64 and right to their last digits."
    call = layer(rng, (2, 2, 7, 6), (3, 2, 3, 3), 2, 1, torch.float64)
    compare(student, [X, W, B], call, stride=2, padding=1)


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices and transposes should give what their copies give, and so should the expanded gradient of a sum."
    grad_out, x, w = layer(rng, (2, 3, 8, 7), (4, 3, 3, 2))
    compare(student, [X, W, B], (scattered(grad_out), scattered(x), scattered(w)))
    compare(student, [X, W, B], (torch.ones(1).expand(grad_out.shape), x[:1].expand(x.shape), w.flip(0)))


def test_inputs_that_are_not_contiguous_are_padded(student, rng):
    "Padding may keep the layout in memory of the image that it pads: it need not be contiguous afterwards either."
    call = layer(rng, (2, 3, 5, 6), (4, 3, 3, 2), padding=1)
    call = (tensor.contiguous(memory_format=torch.channels_last) for tensor in call)
    compare(student, [X, W, B], tuple(call), padding=1)


def test_leaves_its_inputs_alone(student, rng):
    "What came in should be afterwards what it was before, whether or not something is padded or left over."
    assert_untouched(student.conv2d_backward, *layer(rng, (2, 2, 6, 7), (3, 2, 3, 2)))
    assert_untouched(student.conv2d_backward, *layer(rng, (1, 2, 7, 7), (2, 2, 3, 3), 2, 1), stride=2, padding=1)
    assert_untouched(student.conv2d_backward, *layer(rng, (2, 1, 8, 9), (1, 1, 3, 2), (2, 3)), stride=(2, 3))
    assert_untouched(student.conv2d_backward, *layer(rng, (1, 2, 5, 6), (3, 2, 2, 2), dtype=torch.float64))


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, and each of them counts."
    compare(student, [X, W, B], layer(rng, (1, 300, 3, 4), (2, 300, 2, 2), dtype=torch.float64))
    compare(student, [X, W, B], layer(rng, (1, 2, 3, 4), (300, 2, 2, 2), dtype=torch.float64))


def test_ones_everywhere(student, rng):
    "One image, one channel or a one-pixel kernel are still axes of length one and should not disappear."
    compare(student, [X, W, B], layer(rng, (1, 1, 5, 4), (1, 1, 1, 1)))
    compare(student, [X, W, B], layer(rng, (1, 3, 5, 5), (2, 3, 1, 1), 2), stride=2)


def test_kernels_of_one_row_or_column(student, rng):
    "A kernel of one row or one column is flipped along the other axis as any kernel is."
    compare(student, [X], layer(rng, (1, 2, 4, 5), (3, 2, 1, 3)))
    compare(student, [X], layer(rng, (1, 2, 5, 4), (3, 2, 3, 1)))


def test_kernel_as_large_as_the_image(student, rng):
    "A kernel as large as the image is a fully connected layer, and its gradients are outer products."
    compare(student, [X, W, B], layer(rng, (3, 2, 4, 5), (4, 2, 4, 5), 3), stride=3)


def test_empty_batch(student, rng):
    "A batch of no images changes nothing: the weights' gradient is zero, the images' one is empty."
    w = normal(rng, 3, 2, 3, 2)
    got = student.conv2d_backward(torch.zeros(0, 3, 4, 5), torch.zeros(0, 2, 6, 6), w)
    assert_close(got, (torch.zeros(0, 2, 6, 6), torch.zeros_like(w), torch.zeros(3)))


def test_large_values(student, rng):
    "Gradients of any scale should come through: nothing may be clipped, averaged or normalised on the way."
    grad_out, x, w = layer(rng, (2, 2, 6, 6), (2, 2, 3, 3))
    compare(student, [X, W, B], (grad_out.abs() * 1e10, x.abs() * 1e6, w.abs() * 1e6))


def test_refuses_gradients_of_another_shape(student, rng):
    "A gradient that has not the shape of the layer's output belongs to another layer: raise a ValueError."
    grad_out, x, w = layer(rng, (2, 2, 9, 8), (3, 2, 3, 3), 2)
    student.conv2d_backward(grad_out, x, w, stride=2)  # fits, so refusing everything does not pass
    for wrong in (
        *(grad_out[:, :2], grad_out[:1], grad_out[..., :-1], grad_out[:, :, 1:]),
        *(F.pad(grad_out, more) for more in ((0, 1), (0, 0, 0, 1), (0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0, 0, 1))),
        *(grad_out.transpose(0, 1), grad_out.transpose(2, 3), grad_out.flatten(2)[..., None]),
    ):
        assert_refuses(student.conv2d_backward, wrong, x, w, stride=2)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((2, 2, 7, 8), (3, 2, 3, 4)), ((3, 2, 7, 6), (4, 2, 3, 2)), ((3, 2, 6, 7), (4, 2, 2, 3)))
    large = (((7, 3, 6, 7), (4, 3, 3, 2)), ((2, 7, 7, 6), (8, 7, 3, 2)), ((2, 2, 24, 27), (3, 2, 5, 6)))
    calls = [[layer(rng, *shapes) for shapes in each] for each in (small, large)]
    assert_right_when_large(student.conv2d_backward, expected, *calls)


@pytest.mark.gate
def test_no_loop_over_images_or_channels(student, rng):
    "The work should not grow with images or channels: look for a loop over one of them, also a hidden one."
    channels = lambda n: layer(rng, (2, n, 7, 6), (n + 1, n, 3, 2), 2)  # noqa: E731
    images = lambda n: layer(rng, (n, 3, 6, 7), (4, 3, 3, 2))  # noqa: E731
    long = [
        lambda: layer(rng, (4000, 1, 3, 2), (1, 1, 3, 2)),
        lambda: layer(rng, (1, 4000, 3, 2), (2, 4000, 3, 2)),
        lambda: layer(rng, (1, 1, 3, 2), (4000, 1, 3, 2)),
    ]
    loop_free(student.conv2d_backward, images, expected, (2, 4, 7), long)
    loop_free(student.conv2d_backward, channels, expected, (2, 4, 7), stride=2)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with rows or columns: look for a loop over windows, also a hidden one."
    make = lambda n: layer(rng, (2, 2, n, n + 3), (3, 2, 3, 3), (2, 1), 1)  # noqa: E731
    long = [
        lambda: layer(rng, (1, 1, 1200, 3), (1, 1, 2, 2), (2, 1), 1),
        lambda: layer(rng, (1, 1, 3, 1200), (1, 1, 2, 2), (2, 1), 1),
    ]
    loop_free(student.conv2d_backward, make, expected, (8, 14, 24), long, stride=(2, 1), padding=1)


@pytest.mark.gate
def test_no_loop_over_the_kernel(student, rng):
    "The work should not grow with the kernel: adding up shifted gradients is a loop over its weights."
    loop_free(student.conv2d_backward, lambda n: layer(rng, (2, 2, 16, 17), (3, 2, n, n + 1)), expected, (2, 3, 5))
