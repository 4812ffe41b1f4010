"""Hidden suite: the dilated convolution, against PyTorch's own in float64, one output channel after the other."""

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


def expected(x, w, dilations=1):
    if not isinstance(dilations, torch.Tensor):
        return F.conv2d(x.double(), w.double(), padding="same", dilation=dilations).to(x.dtype)
    each = {}  # PyTorch runs once for each pair and not once for each channel, or large inputs take long
    for o, both in enumerate(dilations.tolist()):
        each.setdefault(tuple(both), []).append(o)
    y = x.double().new_zeros(len(x), len(w), *x.shape[2:])
    for both, channels in each.items():
        y[:, channels] = F.conv2d(x.double(), w[channels].double(), padding="same", dilation=both)
    return y.to(x.dtype)


def compare(student, *args):
    assert_close(student.dilated_conv2d(*args), expected(*args))


@pytest.mark.points(2)
def test_the_map_keeps_its_size(student, rng):
    "Without dilation it is a convolution that keeps the size, because zeros surround the image."
    compare(student, normal(rng, 1, 1, 5, 6), normal(rng, 1, 1, 3, 3))
    compare(student, normal(rng, 1, 1, 6, 5), normal(rng, 1, 1, 5, 5))


def test_images_and_channels(student, rng):
    "Every output channel has a kernel for each input channel and adds up what they give, image by image."
    compare(student, normal(rng, 2, 5, 4, 3), normal(rng, 3, 5, 1, 1))
    compare(student, normal(rng, 2, 2, 4, 3), normal(rng, 7, 2, 1, 1))


def test_kernel_is_not_flipped(student, rng):
    "A single bright pixel comes out as the kernel turned around: the kernel itself is neither flipped nor transposed."
    x = torch.zeros(1, 1, 7, 7)
    x[0, 0, int(integers(rng, 2, 5)), 3] = 1.0
    compare(student, x, normal(rng, 1, 1, 3, 3))
    compare(student, x, normal(rng, 1, 1, 3, 3), 2)


def test_unlike_sides_of_the_kernel(student, rng):
    "A kernel may be wider than high, or higher than wide."
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, 1, 5))
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, 5, 3))


@pytest.mark.points(2)
def test_one_dilation_for_both_axes(student, rng):
    "A single number is the dilation of both axes and of all channels."
    for dilation in (2, 3):
        compare(student, normal(rng, 1, 2, 8, 9), normal(rng, 2, 2, 3, 3), dilation)


@pytest.mark.points(2)
def test_a_dilation_for_each_axis(student, rng):
    "A pair gives the vertical dilation first and the horizontal one second, for all channels."
    for dilation in ((2, 1), (1, 3), (3, 2)):
        compare(student, normal(rng, 1, 2, 8, 9), normal(rng, 2, 2, 3, 3), dilation)


@pytest.mark.points(2)
def test_even_kernels(student, rng):
    "An even kernel that cannot be centred reaches one pixel further down and to the right."
    for k in ((2, 2), (4, 2), (2, 3), (3, 4)):
        compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, *k))


@pytest.mark.points(2)
def test_even_kernels_with_dilation(student, rng):
    "With an even dilation an even kernel can be centred again, between two pixels that it does not read."
    for k, dilation in (((2, 2), 2), ((2, 2), 3), ((4, 2), (1, 3)), ((2, 4), (4, 1))):
        compare(student, normal(rng, 1, 2, 9, 8), normal(rng, 2, 2, *k), dilation)


@pytest.mark.points(3)
def test_a_pair_for_each_channel(student, rng):
    "With a tensor every output channel has its own dilations, each axis its own, and they need no order."
    for pairs in ([[1, 1], [2, 2], [3, 3]], [[3, 1], [1, 2], [2, 1]]):
        compare(student, normal(rng, 2, 2, 8, 9), normal(rng, 3, 2, 3, 3), torch.tensor(pairs))


def test_each_channel_has_its_own_centre(student, rng):
    "Every channel begins by its own dilation above the pixel: also even kernels stay where they belong."
    pairs = torch.tensor([[1, 2], [2, 1], [3, 4], [4, 3]])
    compare(student, normal(rng, 1, 2, 9, 8), normal(rng, 4, 2, 2, 4), pairs)


def test_equal_dilations_in_a_tensor(student, rng):
    "A tensor may hold the same pair several times, and gives then what the pair gives."
    pairs = torch.tensor([[2, 1], [1, 1], [2, 1], [2, 1]])
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 4, 2, 3, 3), pairs)


def test_a_tensor_for_one_channel(student, rng):
    "A single output channel has a tensor of a single pair, and two channels have one of two pairs."
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 1, 2, 3, 3), torch.tensor([[2, 3]]))
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, 3, 3), torch.tensor([[2, 3], [1, 4]]))


def test_other_whole_numbers(student, rng):
    "The dilations may be stored in int32 and not only in int64."
    pairs = torch.tensor([[1, 2], [3, 1]], dtype=torch.int32)
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, 3, 3), pairs)


@pytest.mark.points(2)
def test_dilations_as_large_as_the_image(student, rng):
    "With a large dilation most weights meet only zeros, and the others do what they always do."
    for dilation in (5, 6, (4, 100), (100, 1), 1000):
        compare(student, normal(rng, 1, 2, 5, 6), normal(rng, 2, 2, 3, 3), dilation)
    compare(student, normal(rng, 1, 2, 5, 6), normal(rng, 2, 2, 2, 2), torch.tensor([[5, 6], [12, 9]]))


def test_images_smaller_than_the_kernel(student, rng):
    "An image may have a single row, a single column or a single pixel, and a kernel may be larger than it."
    for size in ((1, 6), (6, 1), (1, 1), (2, 2)):
        compare(student, normal(rng, 1, 2, *size), normal(rng, 2, 2, 3, 5))


def test_ones_everywhere(student, rng):
    "One image, one channel or a one-pixel kernel are still axes of length one and should not disappear."
    for images, weights in (((1, 1, 4, 5), (1, 1, 1, 1)), ((3, 1, 3, 4), (1, 1, 2, 3)), ((1, 4, 3, 3), (2, 4, 1, 2))):
        compare(student, normal(rng, *images), normal(rng, *weights))


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, and each of them counts."
    compare(student, normal(rng, 1, 300, 3, 2).abs(), normal(rng, 2, 300, 2, 2).abs())
    pairs = torch.arange(600).view(300, 2) % 5 + 1
    compare(student, normal(rng, 1, 2, 4, 3), normal(rng, 300, 2, 3, 3), pairs)


def test_empty_batch(student, rng):
    "A batch of no images gives a batch of no maps."
    pairs = torch.tensor([[1, 2], [2, 1], [3, 3]])
    assert_close(
        student.dilated_conv2d(torch.zeros(0, 2, 4, 5), normal(rng, 3, 2, 3, 3), pairs), torch.zeros(0, 3, 4, 5)
    )


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits, so nothing may pass through float32."
    x, w = normal(rng, 1, 3, 5, 6, dtype=torch.float64), normal(rng, 2, 3, 3, 2, dtype=torch.float64)
    compare(student, x, w)
    compare(student, x * 1e150, w)


def test_large_and_small_values(student, rng):
    "Values of any scale should come through: nothing may be clipped or rounded on the way."
    x, w = normal(rng, 1, 2, 4, 4).abs() * 1e12, normal(rng, 2, 2, 3, 3).abs() * 1e9
    compare(student, x, w)
    assert_close(student.dilated_conv2d(x * 1e-30, w), expected(x * 1e-30, w), atol=1e-14)


def test_nan_is_not_hidden(student, rng):
    "A NaN in x should come out of every output that reads it, or nobody finds out that training has failed."
    x, w = normal(rng, 2, 2, 5, 6), normal(rng, 3, 2, 3, 3)
    x[1, 0, 2, 1] = float("nan")
    got, wanted = student.dilated_conv2d(x, w), expected(x, w)
    if not isinstance(got, torch.Tensor) or got.shape != wanted.shape or not got[wanted.isnan()].isnan().all():
        raise Failure("an output to which a NaN is added is something else")


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    compare(student, scattered(normal(rng, 2, 3, 4, 5)), scattered(normal(rng, 4, 3, 3, 2)))
    compare(student, normal(rng, 5, 4, 3, 2).permute(3, 2, 1, 0), normal(rng, 4, 3, 3, 2).flip(0))
    compare(student, normal(rng, 1, 3, 4, 1).expand(2, 3, 4, 5), normal(rng, 1, 3, 3, 2).expand(4, 3, 3, 2))
    pairs = torch.tensor([[1, 2], [2, 1]]).T
    compare(student, normal(rng, 1, 2, 5, 5), normal(rng, 2, 2, 3, 3), pairs)
    compare(student, normal(rng, 1, 2, 5, 5), normal(rng, 3, 2, 3, 3), torch.tensor([[2, 1]]).expand(3, 2))


def test_leaves_its_inputs_alone(student, rng):
    "Inputs should be afterwards what they were before, the dilations among them."
    x, w = normal(rng, 2, 2, 4, 4), normal(rng, 3, 2, 3, 3)
    assert_untouched(student.dilated_conv2d, x, w)
    assert_untouched(student.dilated_conv2d, x, w, 2)
    assert_untouched(student.dilated_conv2d, x, w, torch.tensor([[1, 2], [2, 1], [3, 3]]))
    assert_untouched(student.dilated_conv2d, x, normal(rng, 2, 2, 1, 1))
    assert_untouched(student.dilated_conv2d, x.double(), w.double())


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradients of x and w: nothing may cut them off."
    gradients_agree(student, rng, 1)


def test_gradients_through_dilations(student, rng):
    "Once dilated values are right, gradients should come through these branches as well."
    gradients_agree(student, rng, (2, 1))
    gradients_agree(student, rng, torch.tensor([[1, 2], [3, 1], [2, 2]]))


def test_gradients_through_one_weight(student, rng):
    "Once values are right, a kernel of one pixel has its gradients as well."
    gradients_agree(student, rng, 1, (1, 1))


def gradients_agree(student, rng, dilations, k=(3, 3)):
    tensors = normal(rng, 2, 2, 5, 6), normal(rng, 3, 2, *k)
    leaves = [t.clone().requires_grad_() for t in tensors]
    y = expected(*leaves, dilations)
    upstream = normal(rng, *y.shape)
    assert_close(student.dilated_conv2d(*tensors, dilations), y.detach())
    gradients = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.dilated_conv2d.gradients(*tensors, dilations, upstream=upstream), gradients)


def test_refuses_kernels_with_other_channels(student, rng):
    "A kernel for fewer or for more channels than x has should raise a ValueError, never broadcast."
    x = normal(rng, 2, 3, 4, 5)
    student.dilated_conv2d(x, normal(rng, 4, 3, 2, 2))  # so refusing everything does not pass
    for channels in (1, 2, 4, 6):
        assert_refuses(student.dilated_conv2d, x, normal(rng, 3, channels, 3, 3))
    assert_refuses(student.dilated_conv2d, x[:, :1], normal(rng, 1, 3, 3, 3))


def test_refuses_dilations_below_one(student, rng):
    "A dilation of zero or less, along either axis and of any channel, should raise a ValueError."
    x, w = normal(rng, 1, 2, 4, 4), normal(rng, 3, 2, 3, 3)
    student.dilated_conv2d(x, w, 2)  # so refusing everything does not pass
    for dilation in (0, -1, (0, 1), (1, 0), (2, -2)):
        assert_refuses(student.dilated_conv2d, x, w, dilation)
    for pairs in ([[0, 1], [1, 1], [1, 1]], [[1, 1], [1, 1], [2, 0]], [[1, 1], [-3, 1], [1, 1]]):
        assert_refuses(student.dilated_conv2d, x, w, torch.tensor(pairs))


def test_refuses_another_number_of_pairs(student, rng):
    "A tensor with another number of pairs than output channels, be it one, should raise a ValueError."
    x, w = normal(rng, 1, 2, 4, 4), normal(rng, 3, 2, 3, 3)
    student.dilated_conv2d(x, w, torch.ones(3, 2, dtype=torch.int64))  # so refusing everything does not pass
    for shape in ((1, 2), (2, 2), (4, 2), (3, 1), (3, 3), (2, 3), (6,), (3,), (2,), ()):
        assert_refuses(student.dilated_conv2d, x, w, torch.ones(shape, dtype=torch.int64))


def drawn(rng, calls):
    """For each call's shapes, what draws its arguments, with another dilation for each of a few channels."""
    return [lambda shapes=shapes: layer(rng, *shapes) for shapes in calls]


def layer(rng, images, weights):
    o = torch.arange(weights[0])
    return normal(rng, *images), normal(rng, *weights), torch.stack([o % 3 + 1, o % 2 + 1], 1)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((2, 2, 4, 5), (3, 2, 3, 2)), ((2, 3, 4, 3), (3, 3, 2, 3)))
    large = (((7, 3, 4, 5), (4, 3, 3, 2)), ((2, 7, 4, 5), (8, 7, 3, 2)), ((2, 2, 16, 18), (2, 2, 5, 6)))
    calls = [[layer(rng, *shapes) for shapes in each] for each in (small, large)]
    assert_right_when_large(student.dilated_conv2d, expected, *calls)


@pytest.mark.gate
def test_no_loop_over_images_or_channels(student, rng):
    "The work should not grow with images or channels: look for a loop over one of them, also a hidden one."
    images = lambda n: layer(rng, (n, 3, 4, 5), (4, 3, 3, 2))  # noqa: E731
    channels = lambda n: layer(rng, (2, n, 4, 5), (n + 1, n, 3, 2))  # noqa: E731
    long = [((4000, 1, 2, 2), (1, 1, 2, 2)), ((1, 400, 2, 2), (2, 400, 2, 2)), ((1, 1, 2, 2), (4000, 1, 2, 2))]
    loop_free(student.dilated_conv2d, images, expected, (2, 4, 7), clocked=drawn(rng, long))
    loop_free(student.dilated_conv2d, channels, expected, (2, 4, 7))


@pytest.mark.gate
def test_no_loop_over_the_dilations(student, rng):
    "The work should not grow with the number of different dilations: grouping equal ones is a loop over groups."
    x = normal(rng, 1, 2, 15, 16)
    make = lambda n: (x, normal(rng, n, 2, 2, 3), torch.arange(2 * n).view(n, 2) + 1)  # noqa: E731
    long = lambda: (x[:, :1, :5, :5], normal(rng, 400, 1, 1, 2), torch.arange(800).view(400, 2) + 1)  # noqa: E731
    loop_free(student.dilated_conv2d, make, expected, (2, 4, 7), clocked=[long])


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with rows or columns: look for a loop over pixels, also a hidden one."
    make = lambda n: layer(rng, (2, 2, n, n + 3), (3, 2, 3, 3))  # noqa: E731
    long = [((1, 1, 400, 2), (1, 1, 2, 2)), ((1, 1, 2, 400), (1, 1, 2, 2))]
    loop_free(student.dilated_conv2d, make, expected, (5, 9, 14), clocked=drawn(rng, long))


@pytest.mark.gate
def test_no_loop_over_the_kernel(student, rng):
    "The work should not grow with the kernel: adding up one shifted map for each weight is a loop."
    make = lambda n: layer(rng, (2, 2, 5, 6), (3, 2, n, n + 1))  # noqa: E731
    long = [((1, 1, 2, 2), (1, 1, 80, 2)), ((1, 1, 2, 2), (1, 1, 2, 80))]
    loop_free(student.dilated_conv2d, make, expected, (2, 3, 5), clocked=drawn(rng, long))
