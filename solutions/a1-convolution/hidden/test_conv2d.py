"""Hidden suite: the convolutional layer, against PyTorch's own in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Failure,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    normal,
    scattered,
)


def expected(x, w, b=None, **parameters):
    y = F.conv2d(x.double(), w.double(), None if b is None else b.double(), **parameters)
    return y.to(x.dtype)


def compare(student, *tensors, **parameters):
    assert_close(student.conv2d(*tensors, **parameters), expected(*tensors, **parameters))


def test_sums_over_channels(student, rng):
    "Every output channel has a kernel for each input channel and adds up what they give."
    compare(student, normal(rng, 2, 5, 6, 7), normal(rng, 3, 5, 1, 1))


@pytest.mark.points(2)
def test_kernel_is_not_flipped(student, rng):
    "The layer correlates: the kernel's first weight meets the window's first pixel, with no flip and no transpose."
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, int(integers(rng, 2, 7)), 4] = 1.0
    compare(student, x, normal(rng, 1, 1, 3, 5))
    compare(student, normal(rng, 2, 2, 8, 8), normal(rng, 2, 2, 4, 4))


def test_bias_belongs_to_the_output_channel(student, rng):
    "The bias is one number for each output channel, added once to every pixel of its map, also to a single image's."
    compare(student, normal(rng, 2, 3, 5, 6), normal(rng, 4, 3, 2, 2), normal(rng, 4))
    x, w, b = normal(rng, 1, 3, 5, 5), normal(rng, 4, 3, 2, 2), normal(rng, 4)
    assert_close(student.conv2d(x, w, b=b), expected(x, w, b=b))


def test_one_stride_for_both_axes(student, rng):
    "A single number is the stride of both axes, and windows that would hang over the edge are left out."
    for stride in (2, 4):
        compare(student, normal(rng, 2, 2, 11, 14), normal(rng, 3, 2, 3, 3), stride=stride)


@pytest.mark.points(2)
def test_a_stride_for_each_axis(student, rng):
    "A pair gives the vertical stride first and the horizontal one second; each should move its own axis."
    for stride in ((3, 1), (1, 2), (2, 5)):
        compare(student, normal(rng, 2, 2, 10, 13), normal(rng, 3, 2, 2, 3), stride=stride)


def test_one_padding_for_all_sides(student, rng):
    "Zeros surround the image on all four sides, as many at the end as at the start."
    for padding in (1, 3):
        compare(student, normal(rng, 2, 3, 5, 7), normal(rng, 2, 3, 3, 3), padding=padding)


@pytest.mark.points(2)
def test_a_padding_for_each_axis(student, rng):
    "A pair gives the padding above and below first, then left and right; `F.pad` counts from the last axis."
    for padding in ((2, 0), (0, 3), (1, 4)):
        compare(student, normal(rng, 1, 2, 6, 5), normal(rng, 3, 2, 3, 2), padding=padding)


@pytest.mark.points(2)
def test_dilation(student, rng):
    "Dilation spreads the kernel's weights apart, on each axis by its own distance, and the pixels between are skipped."
    for dilation in (2, (3, 1), (1, 4)):
        compare(student, normal(rng, 2, 2, 12, 14), normal(rng, 3, 2, 3, 3), dilation=dilation)


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right alone, but together they are not: pad first, then place windows, then spread weights."
    for stride, padding, dilation in (
        ((2, 1), (1, 2), (1, 3)),
        ((1, 3), (2, 0), (3, 1)),
        ((3, 2), (0, 1), (2, 1)),
        ((2, 3), (3, 1), (1, 2)),
    ):
        x, w, b = normal(rng, 2, 3, 12, 11), normal(rng, 4, 3, 2, 4), normal(rng, 4)
        compare(student, x, w, b, stride=stride, padding=padding, dilation=dilation)


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits, so nothing may pass through float32."
    x, w, b = (normal(rng, *shape, dtype=torch.float64) for shape in ((2, 3, 7, 6), (2, 3, 3, 3), (2,)))
    compare(student, x, w, b)
    compare(student, x * 1e150, w, b, padding=1)


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, and each of them counts."
    compare(student, normal(rng, 1, 300, 3, 4).abs(), normal(rng, 2, 300, 2, 2).abs())
    compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 300, 2, 2, 2), normal(rng, 300))


def test_images_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 7, 8)), scattered(normal(rng, 4, 3, 3, 2)))
    compare(student, normal(rng, 7, 9, 3, 2).permute(3, 2, 1, 0), normal(rng, 4, 3, 3, 2).flip(0))
    compare(student, normal(rng, 1, 3, 7, 1).expand(2, 3, 7, 6), normal(rng, 4, 1, 3, 2).expand(4, 3, 3, 2))


def test_images_that_are_not_contiguous_are_padded(student, rng):
    "Padding may keep the layout in memory of the image that it pads: it need not be contiguous afterwards either."
    channels_last = normal(rng, 2, 3, 5, 6).contiguous(memory_format=torch.channels_last)
    for x in (channels_last, scattered(normal(rng, 2, 3, 5, 6))):
        compare(student, x, normal(rng, 4, 3, 3, 2), padding=1)


def test_leaves_its_inputs_alone(student, rng):
    "Inputs should be afterwards what they were before, whether or not something is padded or left over."
    assert_untouched(student.conv2d, normal(rng, 2, 2, 6, 6), normal(rng, 3, 2, 3, 3), normal(rng, 3), padding=1)
    assert_untouched(student.conv2d, normal(rng, 1, 2, 6, 6), normal(rng, 3, 2, 3, 3), normal(rng, 3))
    assert_untouched(student.conv2d, normal(rng, 2, 1, 7, 8), normal(rng, 1, 1, 2, 3), stride=(3, 2))
    assert_untouched(student.conv2d, normal(rng, 1, 2, 8, 7), normal(rng, 3, 2, 2, 2), dilation=(3, 2))
    tensors = (normal(rng, *shape, dtype=torch.float64) for shape in ((2, 2, 5, 6), (3, 2, 2, 2), (3,)))
    assert_untouched(student.conv2d, *tensors)


def test_ones_everywhere(student, rng):
    "One image, one channel, one kernel or a one-pixel kernel are still axes of length one and should not disappear."
    for images, weights in (
        ((1, 1, 5, 6), (1, 1, 1, 1)),
        ((3, 1, 4, 4), (1, 1, 2, 2)),
        ((1, 4, 1, 7), (2, 4, 1, 3)),
    ):
        compare(student, normal(rng, *images), normal(rng, *weights))


def test_kernel_as_large_as_the_image(student, rng):
    "A kernel as large as the padded image gives one output pixel, whatever the stride: a fully connected layer."
    x, w = normal(rng, 3, 2, 5, 4), normal(rng, 4, 2, 7, 6)
    compare(student, x, w, stride=3, padding=1)
    compare(student, x, normal(rng, 4, 2, 9, 4), padding=(2, 0))
    compare(student, x, normal(rng, 4, 2, 2, 3), dilation=(4, 1))


def test_empty_batch(student, rng):
    "A batch of no images gives a batch of no maps; PyTorch cannot guess a length (-1) when there is nothing."
    x, w, b = torch.zeros(0, 3, 8, 7), normal(rng, 5, 3, 3, 3), normal(rng, 5)
    assert_close(student.conv2d(x, w, b, stride=2), torch.zeros(0, 5, 3, 3))


def test_large_and_small_values(student, rng):
    "Values of any scale should come through: nothing may be clipped, normalised or rounded on the way."
    x, w = normal(rng, 1, 2, 6, 6).abs() * 1e12, normal(rng, 2, 2, 3, 3).abs() * 1e9
    compare(student, x, w)
    assert_close(student.conv2d(x * 1e-30, w), expected(x * 1e-30, w), atol=1e-14)


def test_nan_is_not_hidden(student, rng):
    "A NaN in the image should come out of every window that sees it, or nobody finds out that training has failed."
    x, w = normal(rng, 2, 2, 7, 6), normal(rng, 3, 2, 3, 2)
    x[1, 0, 3, 2] = float("nan")
    got, wanted = student.conv2d(x, w), expected(x, w)
    if not isinstance(got, torch.Tensor) or got.shape != wanted.shape or not got[wanted.isnan()].isnan().all():
        raise Failure("a window that sees a NaN gave something else")


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradients of image, kernel and bias: nothing may detach them."
    gradients_agree(student, rng, (2, 2, 6, 7), (3, 2, 3, 2))


def test_gradients_through_all_parameters(student, rng):
    "Once values are right with stride, padding and dilation, gradients should come through these branches as well."
    gradients_agree(student, rng, (2, 2, 8, 7), (3, 2, 3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2))


def test_gradients_through_one_pixel(student, rng):
    "Once values are right, a kernel of one pixel has its gradients as well."
    gradients_agree(student, rng, (1, 2, 4, 3), (3, 2, 1, 1))


def test_gradient_of_a_bias_of_zeros(student, rng):
    "A bias that is zero is there all the same, as it is when training starts, and has a gradient."
    tensors, upstream = (normal(rng, 2, 2, 4, 5), normal(rng, 3, 2, 2, 2), torch.zeros(3)), normal(rng, 2, 3, 3, 4)
    *_, gradient = student.conv2d.gradients(*tensors, upstream=upstream)
    assert_close(gradient, upstream.sum((0, 2, 3)))


def gradients_agree(student, rng, images, weights, **parameters):
    tensors = normal(rng, *images), normal(rng, *weights), normal(rng, weights[0])
    leaves = [t.clone().requires_grad_() for t in tensors]
    y = expected(*leaves, **parameters)
    upstream = normal(rng, *y.shape)
    assert_close(student.conv2d(*tensors, **parameters), y.detach())
    gradients = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.conv2d.gradients(*tensors, upstream=upstream, **parameters), gradients)


def test_refuses_kernels_with_other_channels(student, rng):
    "A kernel for fewer or for more channels than the image has should raise a ValueError, never broadcast."
    x = normal(rng, 2, 3, 6, 8)
    student.conv2d(x, normal(rng, 4, 3, 6, 8))  # fits, so refusing everything does not pass
    for channels, padding in ((1, 0), (2, 1), (4, 0), (6, (1, 2))):
        assert_refuses(student.conv2d, x, normal(rng, 4, channels, 3, 3), padding=padding)
    assert_refuses(student.conv2d, x[:, :1], normal(rng, 4, 3, 3, 3))


def test_refuses_what_does_not_fit(student, rng):
    "A kernel that reaches further than the padded image, along either axis, should raise a ValueError."
    x = normal(rng, 2, 3, 6, 8)
    student.conv2d(x, normal(rng, 4, 3, 6, 8))  # fits, so refusing everything does not pass
    for kernel, parameters in (
        ((7, 3), {}),
        ((3, 9), {}),
        ((3, 11), {"padding": 1}),
        ((9, 3), {"padding": 1}),
        ((9, 3), {"padding": (0, 2)}),
        ((3, 11), {"padding": (2, 0)}),
        ((4, 4), {"dilation": (2, 1)}),
        ((4, 4), {"dilation": (1, 3)}),
    ):
        assert_refuses(student.conv2d, x, normal(rng, 4, 3, *kernel), **parameters)


def drawn(rng, calls):
    """For each call's shapes, what draws its arguments."""
    return [lambda shapes=shapes: tuple(normal(rng, *shape) for shape in shapes) for shapes in calls]


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((2, 3, 7, 8), (4, 3, 3, 2)), ((2, 2, 8, 8), (2, 2, 4, 4)))
    large = (((7, 3, 7, 6), (4, 3, 3, 2)), ((2, 7, 7, 6), (8, 7, 3, 2)), ((2, 2, 24, 27), (3, 2, 5, 6)))
    calls = [[tuple(normal(rng, *shape) for shape in shapes) for shapes in each] for each in (small, large)]
    assert_right_when_large(student.conv2d, expected, *calls)


@pytest.mark.gate
def test_no_loop_over_images_or_channels(student, rng):
    "The work should not grow with images or channels: look for a loop over one of them, also a hidden one."
    images = lambda n: (normal(rng, n, 3, 7, 6), normal(rng, 4, 3, 3, 2), normal(rng, 4))  # noqa: E731
    channels = lambda n: (normal(rng, 2, n, 7, 6), normal(rng, n + 1, n, 3, 2))  # noqa: E731
    long = [((4000, 1, 3, 2), (1, 1, 3, 2)), ((1, 4000, 3, 2), (2, 4000, 3, 2)), ((1, 1, 3, 2), (4000, 1, 3, 2))]
    loop_free(student.conv2d, images, expected, (2, 4, 7), clocked=drawn(rng, long))
    loop_free(student.conv2d, channels, expected, (2, 4, 7), stride=2)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with rows or columns: look for a loop over windows, also a hidden one."
    w = normal(rng, 2, 2, 3, 3)
    make = lambda n: (normal(rng, 2, 2, n, n + 3), w)  # noqa: E731
    long = [((1, 1, 1200, 3), (1, 1, 2, 2)), ((1, 1, 3, 1200), (1, 1, 2, 2))]
    loop_free(student.conv2d, make, expected, (8, 14, 24), drawn(rng, long), padding=1, stride=(1, 2))


@pytest.mark.gate
def test_no_loop_over_the_kernel(student, rng):
    "The work should not grow with the kernel: adding up shifted images is a loop over its weights."
    x = normal(rng, 2, 2, 19, 20)
    make = lambda n: (x, normal(rng, 3, 2, n, n + 1))  # noqa: E731
    long = [((1, 1, 3001, 5), (1, 1, 3000, 2)), ((1, 1, 3, 6001), (1, 1, 2, 3000))]
    loop_free(student.conv2d, make, expected, (2, 3, 5), drawn(rng, long), dilation=(1, 2))
