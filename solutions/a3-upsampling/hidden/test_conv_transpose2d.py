"""Hidden suite: the transposed convolution, against PyTorch's own in float64."""

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
    y = F.conv_transpose2d(x.double(), w.double(), None if b is None else b.double(), **parameters)
    return y.to(x.dtype)


def compare(student, *tensors, **parameters):
    assert_close(student.conv_transpose2d(*tensors, **parameters), expected(*tensors, **parameters))


def test_sums_over_input_channels(student, rng):
    "Every output channel has a kernel for each input channel and adds up what they give."
    compare(student, normal(rng, 2, 5, 4, 3), normal(rng, 5, 3, 1, 1))


@pytest.mark.points(2)
def test_layout_of_the_weights(student, rng):
    "The weights' first axis belongs to the input channels and the second to the output channels."
    compare(student, normal(rng, 2, 3, 4, 3), normal(rng, 3, 3, 1, 1))
    compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 2, 5, 1, 2))


@pytest.mark.points(2)
def test_kernel_is_not_flipped(student, rng):
    "A single bright pixel comes out as the kernel, upright: it is neither flipped nor transposed."
    x = torch.zeros(1, 1, 5, 6)
    x[0, 0, int(integers(rng, 1, 4)), 2] = 1.0
    compare(student, x, normal(rng, 1, 1, 3, 4))
    compare(student, x, normal(rng, 1, 1, 3, 3))


@pytest.mark.points(2)
def test_overlaps_are_added(student, rng):
    "Where kernels overlap, what they give is added: none of them overwrites another."
    compare(student, normal(rng, 2, 2, 4, 5), normal(rng, 2, 3, 3, 3))
    compare(student, torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 3))


def test_bias_belongs_to_the_output_channel(student, rng):
    "The bias is one number for each output channel, added once to every pixel of its map, also to a single image's."
    for images in (2, 1):
        x, w, b = normal(rng, images, 3, 4, 3), normal(rng, 3, 4, 2, 2), normal(rng, 4)
        compare(student, x, w, b)
        assert_close(student.conv_transpose2d(x, w, b=b), expected(x, w, b))


@pytest.mark.points(2)
def test_one_stride_for_both_axes(student, rng):
    "A single number is the stride of both axes: neighbouring pixels start that many rows and columns apart."
    for stride in (2, 3, 5):
        compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 2, 3, 3, 3), stride=stride)


@pytest.mark.points(2)
def test_a_stride_for_each_axis(student, rng):
    "A pair gives the vertical stride first and the horizontal one second; each should spread its own axis."
    for stride in ((3, 1), (1, 2), (2, 5)):
        compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 2, 3, 2, 3), stride=stride)


def test_the_bias_between_the_kernels(student, rng):
    "Where the stride is longer than the kernel, nothing but the bias is between the kernels."
    compare(student, normal(rng, 1, 2, 3, 3), normal(rng, 2, 2, 2, 1), normal(rng, 2), stride=4)


@pytest.mark.points(2)
def test_padding_crops(student, rng):
    "Padding makes the output smaller: it removes rows and columns at all four sides."
    for padding in (1, 2):
        compare(student, normal(rng, 2, 2, 5, 4), normal(rng, 2, 3, 3, 3), padding=padding)


@pytest.mark.points(2)
def test_a_padding_for_each_axis(student, rng):
    "A pair gives first what is cropped above and below, then left and right."
    for padding in ((1, 0), (0, 2), (2, 1)):
        compare(student, normal(rng, 1, 2, 4, 5), normal(rng, 2, 3, 3, 4), padding=padding)


def test_padding_wider_than_the_kernel(student, rng):
    "Padding may crop more than a kernel is wide, along one axis or both, and then some pixels of x leave no trace."
    for padding in (3, (4, 0), (0, 5)):
        compare(student, normal(rng, 2, 2, 9, 11), normal(rng, 2, 2, 2, 3), padding=padding)


@pytest.mark.points(2)
def test_output_padding(student, rng):
    "Output padding makes the output longer, at the end of both axes only, and not at their start."
    for stride, more in ((2, 1), (3, 1), (4, 2)):
        x, w, b = normal(rng, 2, 2, 3, 4), normal(rng, 2, 3, 2, 2), normal(rng, 3)
        compare(student, x, w, stride=stride, output_padding=more)
        compare(student, x, w, b, stride=stride, output_padding=more)


@pytest.mark.points(2)
def test_an_output_padding_for_each_axis(student, rng):
    "A pair gives the rows to be added first and the columns second, and neither of them may be lost."
    for more in ((1, 0), (0, 2), (2, 1)):
        compare(student, normal(rng, 2, 2, 3, 4), normal(rng, 2, 3, 3, 3), stride=3, output_padding=more)


@pytest.mark.points(2)
def test_output_padding_is_not_made_of_zeros(student, rng):
    "Together with padding, output padding gives back what padding has removed at the end: these are no zeros."
    for padding, more in ((1, 1), (2, 1), ((2, 1), (0, 1))):
        x, w = normal(rng, 2, 2, 4, 3), normal(rng, 2, 3, 4, 4)
        compare(student, x, w, stride=2, padding=padding, output_padding=more)


@pytest.mark.points(2)
def test_dilation(student, rng):
    "Dilation spreads the kernel's weights apart, on each axis by its own distance, and not the pixels of x."
    for dilation in (2, (3, 1), (1, 4)):
        compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 2, 3, 3, 3), dilation=dilation)


def test_output_padding_below_the_dilation(student, rng):
    "Output padding may be as large as the stride or larger, as long as it is smaller than the dilation."
    x, w = normal(rng, 1, 2, 4, 3), normal(rng, 2, 2, 2, 3)
    compare(student, x, w, output_padding=1, dilation=2)
    compare(student, x, w, output_padding=(2, 1), dilation=3, stride=2)
    compare(student, x, w, output_padding=(2, 2), dilation=(3, 1), stride=(1, 3))


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right alone, but together they are not: pixel i meets weight a in row i·s + a·d − p."
    for stride, padding, more, dilation in (
        ((2, 1), (1, 2), (1, 0), (1, 3)),
        ((1, 3), (2, 0), (1, 2), (3, 1)),
        ((3, 2), (0, 3), (2, 1), (2, 1)),
        ((2, 3), (3, 1), (0, 2), (1, 2)),
        ((4, 4), (10, 8), (3, 2), (1, 1)),  # two rows and two columns are left
    ):
        x, w, b = normal(rng, 2, 3, 5, 4), normal(rng, 3, 4, 3, 4), normal(rng, 4)
        compare(student, x, w, b, stride=stride, padding=padding, output_padding=more, dilation=dilation)


def test_parameters_by_position(student, rng):
    "The parameters stand in PyTorch's order: stride, padding, output padding, and dilation last."
    x, w = normal(rng, 1, 2, 4, 5), normal(rng, 2, 2, 3, 3)
    wanted = expected(x, w, stride=3, padding=2, output_padding=1, dilation=4)
    assert_close(student.conv_transpose2d(x, w, None, 3, 2, 1, 4), wanted)


@pytest.mark.points(2)
def test_one_dimension(student, rng):
    "On images of one row the layer is the transposed convolution in one dimension."
    x, w = normal(rng, 2, 3, 1, 7), normal(rng, 3, 2, 1, 4)
    wanted = F.conv_transpose1d(x[:, :, 0].double(), w[:, :, 0].double())
    assert_close(student.conv_transpose2d(x, w), wanted[:, :, None].float())
    x, w = normal(rng, 2, 3, 7, 1), normal(rng, 3, 2, 4, 1)
    wanted = F.conv_transpose1d(x[..., 0].double(), w[..., 0].double())
    assert_close(student.conv_transpose2d(x, w), wanted[..., None].float())


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits, so nothing may pass through float32."
    x, w, b = (normal(rng, *shape, dtype=torch.float64) for shape in ((2, 3, 4, 5), (3, 2, 3, 3), (2,)))
    compare(student, x, w, b)
    compare(student, x * 1e150, w)


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, and each of them counts."
    compare(student, normal(rng, 1, 300, 3, 2).abs(), normal(rng, 300, 2, 2, 2).abs())
    compare(student, normal(rng, 2, 2, 2, 3), normal(rng, 2, 300, 2, 2), normal(rng, 300))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 4, 5)), scattered(normal(rng, 3, 4, 3, 2)))
    compare(student, normal(rng, 5, 4, 3, 2).permute(3, 2, 1, 0), normal(rng, 3, 4, 3, 2).flip(0))
    compare(student, normal(rng, 1, 3, 4, 1).expand(2, 3, 4, 5), normal(rng, 1, 4, 3, 2).expand(3, 4, 3, 2))
    channels_last = normal(rng, 2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    compare(student, channels_last, normal(rng, 3, 2, 2, 3))


def test_leaves_its_inputs_alone(student, rng):
    "Inputs should be afterwards what they were before, whether or not something is cropped or added."
    x, w, b = normal(rng, 2, 2, 4, 4), normal(rng, 2, 3, 3, 3), normal(rng, 3)
    assert_untouched(student.conv_transpose2d, x, w, b)
    assert_untouched(student.conv_transpose2d, x, w, b, stride=2, padding=1, output_padding=1)
    assert_untouched(student.conv_transpose2d, x, w, dilation=2)
    assert_untouched(student.conv_transpose2d, x[:1], normal(rng, 2, 2, 1, 1))
    assert_untouched(student.conv_transpose2d, x.double(), w.double(), b.double())


def test_ones_everywhere(student, rng):
    "One image, one channel, one pixel or a one-pixel kernel are still axes of length one and should not disappear."
    for images, weights in (
        ((1, 1, 4, 5), (1, 1, 1, 1)),
        ((3, 1, 3, 3), (1, 1, 2, 2)),
        ((1, 4, 1, 1), (4, 2, 3, 2)),
        ((1, 1, 1, 1), (1, 1, 1, 1)),
    ):
        compare(student, normal(rng, *images), normal(rng, *weights))


def test_one_pixel_is_left(student, rng):
    "Padding may crop so much that a single row, a single column or a single pixel is left."
    compare(student, normal(rng, 2, 2, 3, 4), normal(rng, 2, 3, 3, 3), padding=(2, 0))
    compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 2, 3, 3, 3), padding=(0, 2))
    compare(student, normal(rng, 1, 2, 3, 3), normal(rng, 2, 3, 3, 3), padding=2)


def test_empty_batch(student, rng):
    "A batch of no images gives a batch of no maps; PyTorch cannot guess a length (-1) when there is nothing."
    x, w, b = torch.zeros(0, 3, 4, 5), normal(rng, 3, 2, 3, 3), normal(rng, 2)
    assert_close(student.conv_transpose2d(x, w, b, stride=2), torch.zeros(0, 2, 9, 11))


def test_large_and_small_values(student, rng):
    "Values of any scale should come through: nothing may be clipped, averaged or rounded on the way."
    x, w = normal(rng, 1, 2, 4, 4).abs() * 1e12, normal(rng, 2, 2, 3, 3).abs() * 1e9
    compare(student, x, w)
    assert_close(student.conv_transpose2d(x * 1e-30, w), expected(x * 1e-30, w), atol=1e-14)


def test_nan_is_not_hidden(student, rng):
    "A NaN in x should come out of every output that its kernel covers, or nobody finds out that training has failed."
    x, w = normal(rng, 2, 2, 4, 5), normal(rng, 2, 3, 3, 2)
    x[1, 0, 2, 1] = float("nan")
    got, wanted = student.conv_transpose2d(x, w), expected(x, w)
    if not isinstance(got, torch.Tensor) or got.shape != wanted.shape or not got[wanted.isnan()].isnan().all():
        raise Failure("an output to which a NaN is added is something else")


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradients of x, w and b: nothing may cut them off."
    gradients_agree(student, rng, (2, 2, 4, 5), (2, 3, 3, 2))


def test_gradients_through_all_parameters(student, rng):
    "Once values are right with all parameters, gradients should come through these branches as well."
    parameters = {"stride": (2, 3), "padding": (1, 2), "output_padding": (1, 0), "dilation": (1, 2)}
    gradients_agree(student, rng, (2, 2, 4, 5), (2, 3, 3, 2), **parameters)


def test_gradients_through_one_pixel(student, rng):
    "Once values are right, a kernel of one pixel has its gradients as well."
    gradients_agree(student, rng, (1, 2, 4, 3), (2, 3, 1, 1))


def test_gradient_of_a_bias_of_zeros(student, rng):
    "A bias that is zero is there all the same, as it is when training starts, and has a gradient."
    tensors, upstream = (normal(rng, 2, 2, 3, 4), normal(rng, 2, 3, 2, 2), torch.zeros(3)), normal(rng, 2, 3, 4, 5)
    *_, gradient = student.conv_transpose2d.gradients(*tensors, upstream=upstream)
    assert_close(gradient, upstream.sum((0, 2, 3)))


def gradients_agree(student, rng, images, weights, **parameters):
    tensors = normal(rng, *images), normal(rng, *weights), normal(rng, weights[1])
    leaves = [t.clone().requires_grad_() for t in tensors]
    y = expected(*leaves, **parameters)
    upstream = normal(rng, *y.shape)
    assert_close(student.conv_transpose2d(*tensors, **parameters), y.detach())
    gradients = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.conv_transpose2d.gradients(*tensors, upstream=upstream, **parameters), gradients)


def test_refuses_kernels_with_other_channels(student, rng):
    "A kernel for fewer or for more input channels than x has should raise a ValueError, never broadcast."
    x = normal(rng, 2, 3, 4, 5)
    student.conv_transpose2d(x, normal(rng, 3, 4, 2, 2))  # so refusing everything does not pass
    for channels, padding in ((1, 0), (2, 1), (4, 0), (6, (1, 0))):
        assert_refuses(student.conv_transpose2d, x, normal(rng, channels, 3, 3, 3), padding=padding)
    assert_refuses(student.conv_transpose2d, x[:, :1], normal(rng, 3, 1, 3, 3))


def test_refuses_too_much_output_padding(student, rng):
    "Output padding that is not smaller than stride or dilation, along either axis, should raise a ValueError."
    x, w = normal(rng, 1, 2, 4, 4), normal(rng, 2, 2, 3, 3)
    student.conv_transpose2d(x, w, stride=(2, 3), output_padding=(1, 2))  # so refusing everything does not pass
    student.conv_transpose2d(x, w, dilation=(3, 2), output_padding=(2, 1))
    for parameters in (
        {"output_padding": 1},
        {"stride": 2, "output_padding": 2},
        {"stride": (2, 3), "output_padding": 2},
        {"stride": (3, 2), "output_padding": 2},
        {"stride": (2, 3), "output_padding": (2, 1)},
        {"stride": (3, 2), "output_padding": (1, 2)},
        {"dilation": 2, "output_padding": 3},
        {"dilation": (2, 3), "output_padding": (2, 1)},
        {"dilation": (3, 1), "output_padding": (0, 1)},
        {"dilation": (1, 3), "output_padding": (1, 0)},
        {"stride": (3, 1), "dilation": (1, 2), "output_padding": (1, 2)},
        {"stride": (1, 3), "dilation": (2, 1), "output_padding": (2, 1)},
    ):
        assert_refuses(student.conv_transpose2d, x, w, **parameters)


def test_refuses_to_crop_everything(student, rng):
    "Padding that leaves no row or no column of the output should raise a ValueError."
    x, w = normal(rng, 1, 2, 3, 4), normal(rng, 2, 2, 3, 2)
    student.conv_transpose2d(x, w, padding=(2, 2))  # one row and one column are left
    for parameters in (
        {"padding": 3},
        {"padding": (3, 0)},
        {"padding": (0, 3)},
        {"padding": (9, 0)},
        {"padding": (0, 9)},
        {"padding": (4, 0), "dilation": (1, 2)},
        {"padding": (0, 4), "stride": (2, 1)},
    ):
        assert_refuses(student.conv_transpose2d, x, w, **parameters)
    for rows, columns, padding in ((2, 3, (2, 0)), (4, 3, (0, 3)), (2, 1, 2)):
        # Exactly nothing is left, neither a row too few nor one too many.
        assert_refuses(student.conv_transpose2d, x, normal(rng, 2, 2, rows, columns), padding=padding)


def drawn(rng, calls):
    """For each call's shapes, what draws its arguments."""
    return [lambda shapes=shapes: tuple(normal(rng, *shape) for shape in shapes) for shapes in calls]


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((2, 2, 4, 5), (2, 3, 3, 3)), ((2, 3, 4, 3), (3, 3, 2, 3)))
    large = (((7, 3, 4, 5), (3, 4, 3, 2)), ((2, 7, 4, 5), (7, 8, 3, 2)), ((2, 2, 20, 22), (2, 3, 5, 6)))
    calls = [[tuple(normal(rng, *shape) for shape in shapes) for shapes in each] for each in (small, large)]
    assert_right_when_large(student.conv_transpose2d, expected, *calls)


@pytest.mark.gate
def test_no_loop_over_images_or_channels(student, rng):
    "The work should not grow with images or channels: look for a loop over one of them, also a hidden one."
    images = lambda n: (normal(rng, n, 3, 4, 5), normal(rng, 3, 4, 3, 2), normal(rng, 4))  # noqa: E731
    channels = lambda n: (normal(rng, 2, n, 4, 5), normal(rng, n, n + 1, 3, 2))  # noqa: E731
    long = [((4000, 1, 2, 2), (1, 1, 2, 2)), ((1, 400, 2, 2), (400, 2, 2, 2)), ((1, 1, 2, 2), (1, 4000, 2, 2))]
    loop_free(student.conv_transpose2d, images, expected, (2, 4, 7), clocked=drawn(rng, long))
    loop_free(student.conv_transpose2d, channels, expected, (2, 4, 7), stride=2)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with rows or columns: look for a loop over pixels, also a hidden one."
    w = normal(rng, 2, 2, 3, 3)
    # No longer than a loop needs to be noticed: the whole matrix of the layer grows with the square of that.
    make = lambda n: (normal(rng, 2, 2, n, n + 3), w)  # noqa: E731
    long = [((1, 1, 80, 2), (1, 1, 2, 2)), ((1, 1, 2, 80), (1, 1, 2, 2))]
    loop_free(student.conv_transpose2d, make, expected, (5, 10, 18), drawn(rng, long), padding=1, stride=(1, 2))


@pytest.mark.gate
def test_no_loop_over_the_kernel(student, rng):
    "The work should not grow with the kernel: adding up one shifted map for each weight is a loop."
    x = normal(rng, 2, 2, 5, 6)
    make = lambda n: (x, normal(rng, 2, 3, n, n + 1))  # noqa: E731
    long = [((1, 1, 2, 2), (1, 1, 80, 2)), ((1, 1, 2, 2), (1, 1, 2, 80))]
    loop_free(student.conv_transpose2d, make, expected, (2, 3, 5), drawn(rng, long), dilation=(1, 2))
