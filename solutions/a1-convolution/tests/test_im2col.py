"""What `check("im2col")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Failure, assert_close, assert_refuses, loop_free, normal, scattered

VIEWS = {"as_strided", "unfold", "permute", "transpose", "view", "slice", "select"} | {
    "unsqueeze",
    "squeeze",
    "expand",
    "alias",
    "detach",
}


def definition(x, kernel_size, stride=1, dilation=1):
    n, c = x.shape[:2]
    (kh, kw), (sh, sw), (dh, dw) = ((v, v) if isinstance(v, int) else v for v in (kernel_size, stride, dilation))
    out = ((x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1)
    return F.unfold(x, (kh, kw), (dh, dw), 0, (sh, sw)).view(n, c, kh, kw, *out)


def test_counting_image(student):
    "On an image that counts its pixels: the kernel's places come before the windows' places, rows before columns."
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert_close(student.im2col(x, 2), definition(x, 2))


def test_kernels_need_not_be_square(student, rng):
    "A pair is (height, width): the height goes with the rows, the width with the columns."
    x = normal(rng, 2, 3, 5, 6)
    assert_close(student.im2col(x, (3, 2)), definition(x, (3, 2)))


def test_stride_between_windows(student, rng):
    "The stride is the way from one window to the next, along each axis its own."
    x = normal(rng, 1, 2, 7, 9)
    assert_close(student.im2col(x, 2, (2, 3)), definition(x, 2, (2, 3)))


def test_dilation_within_windows(student, rng):
    "The dilation is the way from one pixel of a window to its next, along each axis its own."
    x = normal(rng, 1, 2, 8, 9)
    assert_close(student.im2col(x, 3, 1, (2, 3)), definition(x, 3, 1, (2, 3)))


def test_any_layout_in_memory(student, rng):
    "A slice has jumps and a beginning of its own: take them from the image, do not work them out from its shape."
    for x in (scattered(normal(rng, 2, 2, 5, 6)), normal(rng, 3, 2, 5, 6)[1:]):
        assert_close(student.im2col(x, 2), definition(x, 2))


def test_is_a_view(student, rng):
    "Once values are right, the result should share the memory of the image: no operator may copy pixels."
    x = normal(rng, 1, 2, 6, 7)
    assert_close(student.im2col(x, 3), definition(x, 3))
    used = student.im2col.work(x, 3).operators
    if copies := sorted(name for name in used if name.split("::")[1] not in VIEWS):
        raise Failure(f"the call ran {', '.join(copies)}")


def test_refuses_a_window_too_large(student, rng):
    "A window that does not fit into the image should raise a ValueError."
    student.im2col(normal(rng, 1, 1, 3, 5), (3, 5))  # fits, so refusing everything does not pass
    for kernel in (4, (2, 6)):
        assert_refuses(student.im2col, normal(rng, 1, 1, 3, 5), kernel)


@pytest.mark.gate
def test_one_view_for_all(student, rng):
    "The work should not grow with the image or the kernel: one view does it, there is nothing to visit one by one."
    loop_free(student.im2col, lambda n: (normal(rng, n, 2, 3 * n, 2 * n), n), definition, sizes=(2, 5, 9))
