"""Hidden suite: all windows as one view, against an index definition and PyTorch's own unfolding."""

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


def definition(x, kernel_size, stride=(1, 1), dilation=(1, 1)):
    """cols[n, c, i, j, y, z] = x[n, c, y*sh + i*dh, z*sw + j*dw], by indices, for any dtype."""
    places = []
    for n, k, s, d in zip(x.shape[2:], kernel_size, stride, dilation, strict=True):
        out = (n - d * (k - 1) - 1) // s + 1
        places.append(torch.arange(k)[:, None] * d + torch.arange(out) * s)
    rows, columns = places
    return x[:, :, rows[:, None, :, None], columns[None, :, None, :]]


def copying(operators):
    """Those of the dispatched ``operators`` whose tensors are new memory and not views of what they were given."""
    return sorted(name for name in operators if not _is_view(name))


def _is_view(name):
    library, operator = name.split("::")
    packet = getattr(getattr(torch.ops, library), operator)
    returned = [value for overload in packet.overloads() for value in getattr(packet, overload)._schema.returns]
    tensors = [value for value in returned if "Tensor" in str(value.type)]
    return all(value.alias_info is not None and not value.alias_info.is_write for value in tensors)


def assert_view(function, *args):
    outcome = function.measured(*args)
    if outcome.value is None:
        raise Failure("it returned None")
    if made := copying(outcome.work.operators):
        raise Failure(f"the call ran {', '.join(made)}, which makes new memory")


def test_windows_of_one_image(student, rng):
    "For each place in the kernel, the last two axes should hold the pixel seen there by every window."
    x = normal(rng, 1, 1, 7, 8)
    assert_close(student.im2col(x, 2), definition(x, (2, 2)))


def test_rectangular_kernels(student, rng):
    "The kernel's height goes with the rows and its width with the columns, in this order."
    x = normal(rng, 2, 3, 8, 9)
    assert_close(student.im2col(x, (4, 2)), definition(x, (4, 2)))
    assert_close(student.im2col(x, (1, 5)), definition(x, (1, 5)))


@pytest.mark.points(2)
def test_stride_moves_the_window(student, rng):
    "The stride sets how far the window moves along each axis, and says nothing about the pixels within the window."
    x = normal(rng, 2, 2, 11, 12)
    assert_close(student.im2col(x, 3, 3), definition(x, (3, 3), (3, 3)))
    assert_close(student.im2col(x, (2, 3), (3, 2)), definition(x, (2, 3), (3, 2)))
    assert_close(student.im2col(x, (1, 2), (4, 7)), definition(x, (1, 2), (4, 7)))


@pytest.mark.points(2)
def test_dilation_spreads_the_kernel(student, rng):
    "The dilation sets the gaps within a window, on each axis its own, and with them how many windows fit."
    x = normal(rng, 2, 2, 12, 11)
    assert_close(student.im2col(x, 3, dilation=3), definition(x, (3, 3), dilation=(3, 3)))
    assert_close(student.im2col(x, (3, 2), dilation=(2, 5)), definition(x, (3, 2), dilation=(2, 5)))


@pytest.mark.points(2)
def test_all_parameters_together(student, rng):
    "Each parameter is right on its own, but together they are not: stride belongs to windows, dilation to the kernel."
    x = normal(rng, 2, 3, 10, 9)
    for k, s, d in (
        ((2, 3), (3, 1), (1, 2)),
        ((3, 2), (1, 2), (3, 1)),
        ((1, 3), (2, 3), (4, 3)),
        ((3, 1), (3, 2), (2, 5)),
    ):
        columns = F.unfold(x, k, d, 0, s)
        assert_close(student.im2col(x, k, s, d).flatten(4).flatten(1, 3), columns)


@pytest.mark.points(3)
def test_shares_the_memory(student, rng):
    "Once values are right, the result should be a view of the image: no operator may copy pixels into new memory."
    x = normal(rng, 2, 3, 9, 10)
    assert_close(student.im2col(x, (3, 2)), definition(x, (3, 2)))
    assert_view(student.im2col, x, (3, 2))
    assert_view(student.im2col, normal(rng, 2, 3, 12, 10), (2, 3), (2, 1), (1, 3))


@pytest.mark.points(2)
def test_images_that_are_not_contiguous(student, rng):
    "A slice, a transpose or an expanded image has jumps of its own: ask the image for them."
    slices = normal(rng, 2, 3, 8, 14)[..., ::2]
    turned = normal(rng, 2, 9, 6, 3).permute(0, 3, 2, 1)
    expanded = normal(rng, 1, 2, 6, 1).expand(3, 2, 6, 7)
    for x in (slices, turned, expanded):
        assert_close(student.im2col(x, (2, 3)), definition(x, (2, 3)))


def test_images_that_begin_further_on_in_memory(student, rng):
    "A slice of a batch begins further on in memory: a view of it begins there too, and not where the batch does."
    x = normal(rng, 4, 2, 6, 7)[2:]
    assert_close(student.im2col(x, (2, 3)), definition(x, (2, 3)))


def test_shares_memory_that_is_not_contiguous(student, rng):
    "Once values are right: making the image contiguous first is a copy too, and then nothing is shared with the image."
    x = scattered(normal(rng, 2, 2, 7, 6))
    assert_close(student.im2col(x, (3, 2)), definition(x, (3, 2)))
    assert_view(student.im2col, x, (3, 2))


def test_any_dtype(student, rng):
    "Windows are only moved about, so any dtype should come through as it is."
    for dtype in (torch.float64, torch.int64, torch.uint8):
        x = integers(rng, 0, 99, 2, 2, 6, 7, dtype=dtype)
        assert_close(student.im2col(x, (2, 3)), definition(x, (2, 3)))


def test_any_value(student, rng):
    "Windows are only moved about, so any value should come through as it is: NaN, the infinite and the largest too."
    x = normal(rng, 1, 2, 5, 6, dtype=torch.float64)
    x[0, 0, 1, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e308])
    assert_close(student.im2col(x, (2, 3)), definition(x, (2, 3)))


def test_kernel_as_large_as_the_image(student, rng):
    "A kernel as large as the image has one window, and a kernel of one pixel has as many as there are pixels."
    x = normal(rng, 3, 2, 5, 4)
    assert_close(student.im2col(x, (5, 4), 7), x[..., None, None])
    assert_close(student.im2col(x, 1, dilation=6), x[:, :, None, None])


def test_ones_everywhere(student, rng):
    "One image, one channel or a single row are still axes of length one and should not disappear."
    for shape, kernel in (((1, 1, 5, 6), (2, 3)), ((1, 3, 1, 7), (1, 4)), ((3, 1, 6, 1), (2, 1))):
        x = normal(rng, *shape)
        assert_close(student.im2col(x, kernel), definition(x, kernel))


def test_empty_batch(student):
    "A batch of no images has no windows, and its result still has six axes of the right lengths."
    assert_close(student.im2col(torch.zeros(0, 3, 7, 6), (3, 2), 2), torch.zeros(0, 3, 3, 2, 3, 3))


def test_gradients_flow_through(student, rng):
    "Once values are right, a pixel gets a gradient from each window that sees it; a detached result gives it none."
    x, k = normal(rng, 2, 2, 7, 8), (3, 2)
    upstream = normal(rng, 2, 2, 3, 2, 5, 7)
    assert_close(student.im2col(x, k), definition(x, k))
    expected = F.fold(upstream.flatten(4).flatten(1, 3), (7, 8), k)
    assert_close(student.im2col.gradients(x, k, upstream=upstream), [expected])


def test_leaves_the_image_alone(student, rng):
    "The image should be afterwards what it was before, also in its shape."
    assert_untouched(student.im2col, normal(rng, 2, 2, 6, 5), 2)


def test_refuses_windows_that_do_not_fit(student, rng):
    "A window that does not fit should raise a ValueError, along whichever axis, also when only dilation is to blame."
    x = normal(rng, 1, 2, 5, 9)
    student.im2col(x, 5)  # fits, so refusing everything does not pass
    for kernel, dilation in (((6, 2), 1), ((2, 10), 1), ((3, 3), (3, 1)), ((2, 3), (1, 9)), (6, 1), ((3, 2), (3, 8))):
        assert_refuses(student.im2col, x, kernel, 1, dilation)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = (((2, 3, 8, 9), (4, 2)),)
    large = (((9, 8, 12, 11), (3, 2)), ((2, 2, 20, 21), (6, 7)))
    calls = [[(normal(rng, *shape), kernel) for shape, kernel in each] for each in (small, large)]
    assert_right_when_large(student.im2col, definition, *calls)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    make = lambda n: (normal(rng, n, n - 1, n + 3, n + 2), (3, 2), (2, 2))  # noqa: E731
    long = [(4000, 1, 3, 3), (1, 4000, 3, 3), (1, 1, 4000, 3), (1, 1, 3, 4000)]
    clocked = [lambda shape=shape: (normal(rng, *shape), (2, 2), (1, 1)) for shape in long]
    loop_free(student.im2col, make, definition, (3, 6, 9), clocked)


@pytest.mark.gate
def test_no_loop_over_the_kernel(student, rng):
    "The work should not grow with the kernel: one view holds all its places, there is nothing to visit."
    make = lambda n: (normal(rng, 2, 2, 20, 21), (n, n + 1), (1, 1), (2, 2))  # noqa: E731
    long = [((12001, 3), (12000, 2)), ((3, 12001), (2, 12000))]
    clocked = [lambda image=image, window=window: (normal(rng, 1, 1, *image), window, (1, 1)) for image, window in long]
    loop_free(student.im2col, make, definition, (2, 4, 6), clocked)
