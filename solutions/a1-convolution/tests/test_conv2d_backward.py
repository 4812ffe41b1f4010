"""What `check("conv2d_backward")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Mismatch, assert_close, assert_refuses, loop_free, normal


def compare(student, rng, which, images, weights, stride=1, padding=0):
    """Compare one gradient of the three (0: image, 1: kernel, 2: bias) with what autograd finds for `F.conv2d`."""
    leaves = [normal(rng, *images), normal(rng, *weights), normal(rng, weights[0])]
    x, w, _ = leaves = [leaf.requires_grad_() for leaf in leaves]
    y = F.conv2d(*leaves, stride=stride, padding=padding)
    grad_out = normal(rng, *y.shape)
    wanted = torch.autograd.grad(y, leaves, grad_out)
    got = student.conv2d_backward(grad_out, x.detach(), w.detach(), stride, padding)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three gradients", got, wanted)
    assert_close(got[which], wanted[which])


def test_gradient_of_the_bias(student, rng):
    "The bias took part in every pixel of every image, so its gradient is a sum over images, rows and columns."
    compare(student, rng, 2, (2, 2, 5, 5), (3, 2, 3, 3))


def test_gradient_of_the_weights(student, rng):
    "A weight's gradient sums, over all windows of all images, the pixel it met times the gradient that came back."
    compare(student, rng, 1, (2, 2, 5, 6), (3, 2, 2, 3))


def test_gradient_of_the_image(student, rng):
    "Slide the flipped kernel over the gradient, with k − 1 zeros around it, and sum over output channels."
    compare(student, rng, 0, (2, 2, 5, 6), (3, 2, 2, 3))


def test_a_stride_puts_zeros_between(student, rng):
    "With a stride the gradients are s pixels apart when they land on the image."
    compare(student, rng, 1, (1, 2, 7, 9), (2, 2, 3, 3), stride=2)
    compare(student, rng, 0, (1, 2, 7, 9), (2, 2, 3, 3), stride=2)


def test_the_far_edge(student, rng):
    "Pixels that no window reached get zero, and the gradient still has the shape of the image."
    compare(student, rng, 0, (1, 1, 8, 7), (2, 1, 3, 2), stride=(3, 2))


def test_padding_is_cut_off(student, rng):
    "Work in the padded image, then return only the part that is the image."
    compare(student, rng, 1, (1, 2, 4, 5), (2, 2, 3, 3), padding=1)
    compare(student, rng, 0, (1, 2, 4, 5), (2, 2, 3, 3), padding=(2, 1))


def test_padding_wider_than_the_kernel_is_cut_off_too(student, rng):
    "Padding may be wider than the kernel; then some windows saw nothing of the image."
    compare(student, rng, 1, (1, 1, 3, 4), (1, 1, 2, 2), padding=(3, 1))
    compare(student, rng, 0, (1, 1, 3, 4), (1, 1, 2, 2), padding=(1, 3))


def test_refuses_another_shape(student, rng):
    "A `grad_out` that has not the shape of the layer's output should raise a ValueError."
    x, w = normal(rng, 1, 1, 5, 5), normal(rng, 2, 1, 3, 3)
    student.conv2d_backward(normal(rng, 1, 2, 3, 3), x, w)  # fits, so refusing everything does not pass
    for shape in ((1, 2, 4, 4), (1, 2, 2, 2), (2, 1, 3, 3)):
        assert_refuses(student.conv2d_backward, normal(rng, *shape), x, w)


@pytest.mark.gate
def test_loops_nowhere_on_the_way_back(student, rng):
    "The work should not grow with the input: look for a loop over images, channels, windows or weights."

    def batch(n):
        return normal(rng, n, 3, 6, 5), normal(rng, n, 2, 7, 6), normal(rng, 3, 2, 2, 2)

    def everything(n):
        return normal(rng, 2, n, 2 * n + 1, n + 1), normal(rng, 2, n, 3 * n, 2 * n), normal(rng, n, n, n, n)

    def autograd(grad_out, x, w):
        leaves = [x.requires_grad_(), w.requires_grad_(), torch.zeros(len(w), requires_grad=True)]
        return torch.autograd.grad(F.conv2d(*leaves), leaves, grad_out)

    loop_free(student.conv2d_backward, batch, autograd, sizes=(2, 4, 8))
    loop_free(student.conv2d_backward, everything, autograd, sizes=(2, 4, 6))
