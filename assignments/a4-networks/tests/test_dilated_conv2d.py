"""What `check("dilated_conv2d")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def same(x, w, dilation=1):
    return F.conv2d(x, w, padding="same", dilation=dilation)


def by_channel(x, w, dilations):
    each = [same(x, w[o : o + 1], tuple(pair)) for o, pair in enumerate(dilations.tolist())]
    return torch.cat(each, 1)


def compare(student, x, w, dilation):
    assert_close(student.dilated_conv2d(x, w, dilation), same(x, w, dilation))


def test_the_example(student):
    "The example of the text: a kernel of two columns with two dilations."
    x, w = torch.tensor([[[[1.0, 2, 3, 4]]]]), torch.tensor([[[[1.0, 10]]], [[[1.0, 10]]]])
    wanted = torch.tensor([[[[21.0, 32, 43, 4]], [[20.0, 31, 42, 3]]]])
    assert_close(student.dilated_conv2d(x, w, torch.tensor([[1, 1], [1, 2]])), wanted)


def test_without_dilation(student, rng):
    "With the dilation 1, which is the default, it is a convolution that keeps the size."
    x, w = normal(rng, 2, 3, 5, 6), normal(rng, 4, 3, 3, 3)
    assert_close(student.dilated_conv2d(x, w), same(x, w))


def test_one_dilation(student, rng):
    "A number dilates both axes of all channels."
    compare(student, normal(rng, 2, 3, 7, 6), normal(rng, 2, 3, 3, 3), 2)


def test_a_pair_by_example(student, rng):
    "A pair gives the vertical dilation first."
    compare(student, normal(rng, 1, 2, 7, 8), normal(rng, 2, 2, 3, 3), (3, 1))


def test_even_kernels_by_example(student, rng):
    "A kernel that cannot be centred reaches further down and to the right."
    compare(student, normal(rng, 1, 2, 6, 7), normal(rng, 2, 2, 2, 4), (1, 3))


def test_each_channel_by_example(student, rng):
    "With a tensor every output channel has its own pair."
    x, w, dilations = normal(rng, 2, 2, 6, 7), normal(rng, 3, 2, 3, 2), torch.tensor([[1, 2], [3, 1], [2, 2]])
    assert_close(student.dilated_conv2d(x, w, dilations), by_channel(x, w, dilations))


def test_wide_dilations_by_example(student, rng):
    "A dilation larger than the image leaves the weight at the centre."
    x, w = normal(rng, 1, 2, 4, 3), normal(rng, 2, 2, 3, 3)
    assert_close(student.dilated_conv2d(x, w, 9), torch.einsum("ncij,oc->noij", x, w[:, :, 1, 1]))


def test_autograd_gets_through(student, rng):
    "Once values are right, autograd should reach x and w through your code."
    x, w, dilations = normal(rng, 1, 2, 5, 4), normal(rng, 2, 2, 3, 3), torch.tensor([[1, 2], [2, 1]])
    leaves = [t.clone().requires_grad_() for t in (x, w)]
    y, upstream = by_channel(*leaves, dilations), normal(rng, 1, 2, 5, 4)
    assert_close(student.dilated_conv2d(x, w, dilations), y.detach())
    wanted = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.dilated_conv2d.gradients(x, w, dilations, upstream=upstream), wanted)


def test_no_images(student, rng):
    "A batch of no images is still a batch."
    got = student.dilated_conv2d(torch.zeros(0, 2, 3, 4), normal(rng, 3, 2, 3, 3), 2)
    assert_close(got, torch.zeros(0, 3, 3, 4))


def test_refuses_what_makes_no_layer(student, rng):
    "Other channels, dilations below 1 and another number of pairs should raise a ValueError."
    x, w = normal(rng, 1, 3, 4, 4), normal(rng, 2, 3, 3, 3)
    student.dilated_conv2d(x, w)  # so refusing everything does not pass
    assert_refuses(student.dilated_conv2d, x[:, :1], w)
    assert_refuses(student.dilated_conv2d, x, w, (0, 1))
    assert_refuses(student.dilated_conv2d, x, w, torch.tensor([[1, 1], [2, 0]]))
    assert_refuses(student.dilated_conv2d, x, w, torch.tensor([[1, 1]]))


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the input: look for a loop over images, channels, pixels, weights or dilations."

    def make(n):
        dilations = torch.stack([torch.arange(n) + 1, torch.arange(n) % 3 + 1], 1)
        return normal(rng, n, n, n + 2, n + 3), normal(rng, n, n, n, n), dilations

    loop_free(student.dilated_conv2d, make, by_channel, sizes=(2, 3, 5))
