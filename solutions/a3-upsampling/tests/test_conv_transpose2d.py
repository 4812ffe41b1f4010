"""What `check("conv_transpose2d")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def compare(student, *tensors, **parameters):
    assert_close(student.conv_transpose2d(*tensors, **parameters), F.conv_transpose2d(*tensors, **parameters))


def test_the_example(student):
    "The example of the text: each pixel spreads 1, 2, 3 in this order; then the row is cropped, then longer by one."
    x, w = torch.tensor([[[[1.0, 10.0]]]]), torch.tensor([[[[1.0, 2.0, 3.0]]]])
    for parameters, wanted in (
        ({}, [1.0, 2, 13, 20, 30]),
        ({"padding": (0, 1)}, [2.0, 13, 20]),
        ({"padding": (0, 1), "output_padding": (0, 1)}, [2.0, 13, 20, 30]),
    ):
        got = student.conv_transpose2d(x, w, stride=(1, 2), **parameters)
        assert_close(got, torch.tensor(wanted).view(1, 1, 1, -1))


def test_images_and_channels(student, rng):
    "The weights have the layout (C_in, C_out, kh, kw), and each output channel sums over all input channels."
    compare(student, normal(rng, 2, 3, 4, 5), normal(rng, 3, 4, 2, 3))


def test_bias(student, rng):
    "The bias is added once to every pixel of its output channel."
    for images in (2, 1):
        compare(student, normal(rng, images, 2, 3, 3), normal(rng, 2, 3, 2, 2), normal(rng, 3))


def test_stride(student, rng):
    "Neighbouring pixels of x start a stride apart, the vertical one first in a pair."
    x, w = normal(rng, 1, 2, 4, 3), normal(rng, 2, 2, 3, 2)
    compare(student, x, w, stride=2)
    compare(student, x, w, stride=(1, 3))


def test_padding(student, rng):
    "Padding crops the output at all four sides, above and below first in a pair."
    x, w = normal(rng, 1, 2, 4, 5), normal(rng, 2, 2, 3, 3)
    compare(student, x, w, padding=1)
    compare(student, x, w, padding=(2, 0))


def test_output_padding_by_example(student, rng):
    "Output padding makes the output longer at the end, and gives back there what padding had removed."
    x, w = normal(rng, 1, 2, 3, 4), normal(rng, 2, 2, 3, 3)
    compare(student, x, w, stride=3, output_padding=(2, 1))
    compare(student, x, w, stride=2, padding=1, output_padding=1)


def test_dilated_kernel(student, rng):
    "Dilation leaves out rows and columns between the kernel's weights; it does not move the pixels of x."
    compare(student, normal(rng, 1, 2, 4, 3), normal(rng, 2, 2, 3, 2), dilation=(2, 3))


def test_it_transposes_the_convolution(student, rng):
    "It is the transpose of F.conv2d: the products ⟨conv(x), y⟩ and ⟨x, transposed(y)⟩ are equal."
    x, y, w = (normal(rng, *shape, dtype=torch.float64) for shape in ((1, 2, 7, 9), (1, 3, 4, 4), (3, 2, 3, 3)))
    wanted = (F.conv2d(x, w, stride=2, padding=(1, 0)) * y).sum()
    assert_close((student.conv_transpose2d(y, w, stride=2, padding=(1, 0)) * x).sum(), wanted)


def test_autograd_gets_through(student, rng):
    "Once values are right, autograd should reach x, w and b through your code."
    parameters = {"stride": 2, "padding": 1, "output_padding": 1}
    tensors = normal(rng, 1, 2, 3, 4), normal(rng, 2, 3, 3, 3), normal(rng, 3)
    leaves = [t.clone().requires_grad_() for t in tensors]
    y, upstream = F.conv_transpose2d(*leaves, **parameters), normal(rng, 1, 3, 6, 8)
    assert_close(student.conv_transpose2d(*tensors, **parameters), y.detach())
    wanted = torch.autograd.grad(y, leaves, upstream)
    assert_close(student.conv_transpose2d.gradients(*tensors, upstream=upstream, **parameters), wanted)


def test_no_images(student, rng):
    "A batch of no images is still a batch."
    got = student.conv_transpose2d(torch.zeros(0, 2, 3, 4), normal(rng, 2, 3, 2, 2), stride=2)
    assert_close(got, torch.zeros(0, 3, 6, 8))


def test_refuses_what_makes_no_layer(student, rng):
    "Other channels, too much output padding and padding that leaves nothing should raise a ValueError."
    x, w = normal(rng, 1, 3, 4, 4), normal(rng, 3, 2, 3, 3)
    student.conv_transpose2d(x, w)  # so refusing everything does not pass
    for channels in (1, 2, 5):
        assert_refuses(student.conv_transpose2d, x, normal(rng, channels, 3, 3, 3))
    for parameters in ({"stride": (4, 2), "output_padding": 3}, {"padding": (3, 0)}, {"padding": (0, 3)}):
        assert_refuses(student.conv_transpose2d, x, w, **parameters)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with the input: look for a loop over images, channels, pixels or weights."
    images = lambda n: (normal(rng, n, 2, 4, 5), normal(rng, 2, 3, 2, 2))  # noqa: E731
    everything = lambda n: (normal(rng, 2, n, 2 * n, 2 * n), normal(rng, n, n + 1, n, n))  # noqa: E731
    loop_free(student.conv_transpose2d, images, F.conv_transpose2d, sizes=(2, 4, 8))
    loop_free(student.conv_transpose2d, everything, F.conv_transpose2d, sizes=(2, 4, 6))
