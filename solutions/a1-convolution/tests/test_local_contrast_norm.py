"""What `check("local_contrast_norm")` tries."""

import math

import pytest
import torch

from autograder.suite import Failure, assert_close, assert_refuses, loop_free, normal


def definition(x, window=7, sigma=2.0, eps=1e-3):
    """The formula of the exercise, pixel by pixel."""
    x, r = x.double(), window // 2
    height, width = x.shape[2:]

    def local_mean(m):
        out = torch.zeros_like(m[:, :1])
        for row in range(height):
            for column in range(width):
                rows = torch.arange(max(0, row - r), min(height, row + r + 1))
                columns = torch.arange(max(0, column - r), min(width, column + r + 1))
                apart = (rows[:, None] - row) ** 2 + (columns - column) ** 2
                g = torch.exp(-apart.double() / (2 * sigma**2))
                seen = m[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean(1)
                out[:, 0, row, column] = (g * seen).sum((1, 2)) / g.sum()
        return out

    v = x - local_mean(x)
    deviation = local_mean(v**2).sqrt()
    return v / torch.maximum(deviation, deviation.mean((1, 2, 3), keepdim=True)).clamp(min=eps)


def test_one_white_pixel(student):
    "Around a white pixel in a large dark image one sees the Gaussian: check its weights and that they sum to 1."
    x = torch.zeros(1, 1, 21, 21)
    x[0, 0, 10, 10] = 1.0
    got = student.local_contrast_norm(x, 5, 1.0, 100.0)
    assert_close(got, definition(x, 5, 1.0, 100.0).float())


def test_borders(student, rng):
    "At a border only pixels inside the image count, and their weights are made to sum to 1 again."
    x = normal(rng, 1, 1, 6, 7) + 2.0
    assert_close(student.local_contrast_norm(x, 5), definition(x, 5).float())


def test_all_channels_together(student, rng):
    "There is one local mean and one deviation for all channels of a pixel."
    x = normal(rng, 1, 3, 6, 6) + torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    assert_close(student.local_contrast_norm(x), definition(x).float())


def test_each_image_by_itself(student, rng):
    "The typical deviation is the mean over the pixels of one image, not over the batch."
    x = normal(rng, 2, 1, 6, 5) * torch.tensor([0.1, 3.0]).view(2, 1, 1, 1)
    assert_close(student.local_contrast_norm(x, 3, 1.5), definition(x, 3, 1.5).float())


def test_blank_half(student, rng):
    "A blank half of an image should stay blank: its pixels are divided by the typical deviation, not by their own."
    x = normal(rng, 1, 1, 6, 12)
    x[..., 6:] *= 0.01
    assert_close(student.local_contrast_norm(x, 3), definition(x, 3).float())


def test_grey_image(student):
    "An image of one grey gives zeros, never NaN."
    got = student.local_contrast_norm(torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64))
    assert_close(got, torch.zeros(1, 1, 8, 8, dtype=torch.float64), atol=1e-6)


def test_gradient_of_a_flat_image(student):
    "In a flat image autograd meets the root of zero, whose slope is infinite: its gradient should not become NaN."
    (gradient,) = student.local_contrast_norm.gradients(torch.zeros(1, 1, 5, 5), 3, upstream=torch.ones(1, 1, 5, 5))
    if gradient is None or not gradient.isfinite().all():
        raise Failure("the gradient is not finite")


def test_refuses_an_even_window(student, rng):
    "An even window has no centre, and a Gaussian without width is none: raise a ValueError."
    student.local_contrast_norm(normal(rng, 1, 1, 9, 9), 5, 2.0)  # allowed, so refusing everything does not pass
    for window, sigma in ((4, 2.0), (5, -math.pi)):
        assert_refuses(student.local_contrast_norm, normal(rng, 1, 1, 9, 9), window, sigma)


@pytest.mark.gate
def test_one_pass_for_all_pixels(student, rng):
    "The work should not grow with the input: look for a loop over images, pixels or the window, also a hidden one."
    expected = lambda x, window=7: definition(x, window).float()  # noqa: E731
    loop_free(student.local_contrast_norm, lambda n: (normal(rng, n, n, 8, 6),), expected, sizes=(2, 4, 8))
    images = lambda n: (normal(rng, 1, 2, n + 6, n + 4), n)  # noqa: E731
    loop_free(student.local_contrast_norm, images, expected, sizes=(3, 7, 11))
