"""What `check("conv2d")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def test_finds_a_pattern(student):
    "On an image with one white pixel the kernel appears turned by 180°: if it appears upright, your layer flips it."
    x, w = torch.zeros(1, 1, 5, 5), torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    x[0, 0, 2, 2] = 1.0
    assert_close(student.conv2d(x, w), F.conv2d(x, w))


def test_images_and_channels(student, rng):
    "Each output channel sums over all input channels, for every image of the batch by itself."
    x, w = normal(rng, 2, 3, 6, 5), normal(rng, 4, 3, 2, 3)
    assert_close(student.conv2d(x, w), F.conv2d(x, w))


def test_bias(student, rng):
    "The bias is added once to every pixel of its output channel."
    for images in (2, 1):
        x, w, b = normal(rng, images, 2, 4, 4), normal(rng, 3, 2, 2, 2), normal(rng, 3)
        assert_close(student.conv2d(x, w, b), F.conv2d(x, w, b))


def test_stride(student, rng):
    "The window should advance by the stride along both axes, the vertical one first in a pair."
    x, w = normal(rng, 1, 2, 9, 8), normal(rng, 2, 2, 3, 2)
    assert_close(student.conv2d(x, w, stride=2), F.conv2d(x, w, stride=2))
    assert_close(student.conv2d(x, w, stride=(3, 2)), F.conv2d(x, w, stride=(3, 2)))


def test_padding(student, rng):
    "Zeros go on all four sides, above and below first in a pair; mind that `F.pad` counts from the last axis."
    x, w = normal(rng, 1, 2, 5, 6), normal(rng, 2, 2, 3, 3)
    assert_close(student.conv2d(x, w, padding=2), F.conv2d(x, w, padding=2))
    assert_close(student.conv2d(x, w, padding=(0, 2)), F.conv2d(x, w, padding=(0, 2)))


def test_dilated_kernel(student, rng):
    "Dilation leaves out pixels between the kernel's weights; it does not change how far the window moves."
    x, w = normal(rng, 1, 2, 9, 10), normal(rng, 2, 2, 3, 3)
    assert_close(student.conv2d(x, w, dilation=(2, 3)), F.conv2d(x, w, dilation=(2, 3)))


def test_autograd_gets_through(student, rng):
    "Autograd should reach image and kernel through your code: `detach`, `no_grad` and NumPy cut it off."
    x, w = normal(rng, 1, 2, 5, 5), normal(rng, 2, 2, 3, 3)
    leaves = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    upstream = normal(rng, 1, 2, 3, 3)
    expected = torch.autograd.grad(F.conv2d(*leaves), leaves, upstream)
    assert_close(student.conv2d(x, w), F.conv2d(x, w))
    assert_close(student.conv2d.gradients(x, w, upstream=upstream), expected)


def test_autograd_gets_through_padding(student, rng):
    "Once values are right with padding, gradients should come through it as well."
    x, w = normal(rng, 1, 1, 4, 5), normal(rng, 2, 1, 3, 3)
    leaves = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    y, upstream = F.conv2d(*leaves, padding=1), normal(rng, 1, 2, 4, 5)
    assert_close(student.conv2d(x, w, padding=1), y.detach())
    expected = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.conv2d.gradients(x, w, padding=1, upstream=upstream), expected)


def test_a_nan_shows(student):
    "A NaN in the image should come out of every window that sees it."
    x, w = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 2, 2)
    x[0, 0, 3, 0] = float("nan")
    assert_close(student.conv2d(x, w)[0, 0, 2, 0], torch.tensor(float("nan")))


def test_refuses_other_channels(student, rng):
    "An image and a kernel that disagree about channels should raise a ValueError, whichever has more."
    student.conv2d(normal(rng, 1, 3, 5, 5), normal(rng, 2, 3, 3, 3))  # so refusing everything does not pass
    for channels in (1, 5):
        assert_refuses(student.conv2d, normal(rng, 1, 3, 5, 5), normal(rng, 2, channels, 3, 3))


def test_refuses_a_kernel_too_large(student, rng):
    "A kernel that does not fit into the padded image, along either axis, should raise a ValueError."
    for kernel, padding in (((5, 2), 0), ((2, 6), (3, 0)), ((6, 2), (0, 3))):
        assert_refuses(student.conv2d, normal(rng, 1, 1, 4, 5), normal(rng, 1, 1, *kernel), padding=padding)
    student.conv2d(normal(rng, 1, 1, 4, 5), normal(rng, 1, 1, 6, 2), padding=(1, 0))  # fits


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the input: look for a loop over images, channels, windows or weights."
    images = lambda n: (normal(rng, n, 2, 9, 8), normal(rng, 3, 2, 2, 2))  # noqa: E731
    everything = lambda n: (normal(rng, 2, n, 3 * n, 2 * n), normal(rng, n + 1, n, n, n))  # noqa: E731
    loop_free(student.conv2d, images, F.conv2d, sizes=(2, 4, 8))
    loop_free(student.conv2d, everything, F.conv2d, sizes=(2, 4, 6))
