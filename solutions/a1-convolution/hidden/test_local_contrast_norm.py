"""Hidden suite: local contrast normalisation, against its definition in float64 with the window as two matrices."""

import pytest
import torch

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


def definition(x, window=7, sigma=2.0, eps=1e-3):
    """A Gaussian is separable, also within a rectangle: the local mean is A m Bᵀ, with rows that sum to 1."""

    def shares(n):
        apart = (torch.arange(n)[:, None] - torch.arange(n)).double()
        weights = torch.exp(-(apart**2) / (2 * sigma**2)) * (apart.abs() <= window // 2)
        return weights / weights.sum(1, keepdim=True)

    def local_mean(m):
        return shares(m.shape[2]) @ m.mean(1, keepdim=True) @ shares(m.shape[3]).T

    v = x.double() - local_mean(x.double())
    variance = local_mean(v**2)
    # Where nothing varies the deviation is 0, and its gradient too: the root's own is infinite there.
    deviation = variance.where(variance > 0, 1.0).sqrt().where(variance > 0, 0.0)
    return (v / deviation.clamp(min=eps).maximum(deviation.mean((1, 2, 3), keepdim=True))).to(x.dtype)


@pytest.mark.points(2)
def test_away_from_the_border(student, rng):
    "Even where the window is whole values differ: check the Gaussian, that it sums to 1, and the least divisor."
    x = normal(rng, 1, 1, 26, 27)
    assert_close(_inner(student.local_contrast_norm(x, eps=10.0)), _inner(definition(x, eps=10.0)))


def _inner(y):
    return y[..., 7:-7, 7:-7] if isinstance(y, torch.Tensor) and y.ndim == 4 else y


@pytest.mark.points(2)
def test_at_the_border(student, rng):
    "At a border only the pixels inside count and share the whole weight: zeros outside would pass for dark pixels."
    x = normal(rng, 2, 1, 9, 12) + 3.0
    assert_close(student.local_contrast_norm(x, eps=10.0), definition(x, eps=10.0))


@pytest.mark.points(2)
def test_divides_by_the_deviation(student, rng):
    "Divide by the root of the local mean of squares of what is left, and by no less than that root's mean."
    x = normal(rng, 1, 1, 12, 11)
    assert_close(student.local_contrast_norm(x), definition(x))


@pytest.mark.points(2)
def test_channels_share_their_surroundings(student, rng):
    "The local mean and the deviation are taken over all channels together, and not for each channel by itself."
    x = normal(rng, 1, 3, 11, 10) + normal(rng, 1, 3, 1, 1) * 2
    assert_close(student.local_contrast_norm(x), definition(x))


@pytest.mark.points(2)
def test_images_do_not_share(student, rng):
    "Every image has its own typical deviation: a dark neighbour in the batch should not change it."
    scale = torch.tensor([0.05, 1.0, 20.0]).view(3, 1, 1, 1)
    for columns in (9, 3):  # as many as there are images, too
        x = normal(rng, 3, 2, 8, columns) * scale
        assert_close(student.local_contrast_norm(x), definition(x))


def test_window(student, rng):
    "The size of the window is a parameter, and a window of one pixel sees the other channels only."
    for window in (1, 11):
        x = normal(rng, 1, 2, 13, 14)
        assert_close(student.local_contrast_norm(x, window), definition(x, window))


def test_sigma(student, rng):
    "The width of the Gaussian is a parameter, in pixels, whatever the size of the window."
    x = normal(rng, 1, 1, 12, 11)
    for sigma in (0.8, 9.0):
        assert_close(student.local_contrast_norm(x, sigma=sigma), definition(x, sigma=sigma))


def test_the_whole_window_counts(student, rng):
    "The window alone says where the Gaussian ends: pixels further out than a few sigma have their small weight."
    x = normal(rng, 1, 2, 14, 12)
    x[:, :, 5:8, 4:7] += 1000  # bright enough for the least weight to be seen, whatever was drawn
    assert_close(student.local_contrast_norm(x, 11, 1.1), definition(x, 11, 1.1))


@pytest.mark.points(2)
def test_little_contrast_is_not_blown_up(student, rng):
    "Where contrast is less than typical of the image, divide by what is typical: a blank sky should stay blank."
    x = normal(rng, 1, 1, 16, 18)
    x[:, :, :, 9:] = 0.5 + 0.001 * x[:, :, :, 9:]
    assert_close(student.local_contrast_norm(x), definition(x))


def test_eps_is_the_least_divisor(student, rng):
    "`eps` bounds the divisor from below and is not added to it."
    x = normal(rng, 1, 1, 9, 10)
    for eps in (0.3, 0.95):
        assert_close(student.local_contrast_norm(x, eps=eps), definition(x, eps=eps))


def test_eps_unless_given(student, rng):
    "Without an `eps` the divisor is no less than one thousandth, as the signature says."
    x = normal(rng, 1, 2, 9, 8, dtype=torch.float64) * 5e-4
    assert_close(student.local_contrast_norm(x), definition(x))


@pytest.mark.points(2)
def test_an_image_without_contrast(student, rng):
    "An image of one grey has no contrast: the result is zero everywhere, up to its border, and never NaN."
    x = torch.full((2, 3, 9, 8), float(integers(rng, 1, 9)), dtype=torch.float64)
    assert_close(student.local_contrast_norm(x), torch.zeros_like(x), atol=1e-6)
    dark = torch.zeros(1, 1, 8, 8)
    assert_close(student.local_contrast_norm(dark), dark)


def test_light_does_not_matter(student, rng):
    "More light or stronger contrast everywhere should give the same result: centre the pixels before you square them."
    x = normal(rng, 1, 2, 12, 13)
    assert_close(student.local_contrast_norm(x + 500.0), definition(x), rtol=1e-3, atol=3e-3)
    assert_close(student.local_contrast_norm(x * 1e6), definition(x))


def test_images_smaller_than_the_window(student, rng):
    "An image may be smaller than the window, down to a single row: the weights inside it still sum to 1."
    for shape in ((1, 1, 4, 5), (1, 2, 1, 9), (1, 3, 6, 2)):
        x = normal(rng, *shape)
        assert_close(student.local_contrast_norm(x, 9), definition(x, 9))


def test_double_precision(student, rng):
    "In float64 the result should be float64 and right to its last digits, the Gaussian's weights included."
    x = normal(rng, 1, 2, 9, 11, dtype=torch.float64)
    assert_close(student.local_contrast_norm(x, sigma=1.3), definition(x, sigma=1.3))


def test_images_that_are_not_contiguous(student, rng):
    "A slice, a transpose or an expanded image should give the same result as its copy."
    slices = scattered(normal(rng, 2, 3, 9, 10))
    expanded = normal(rng, 1, 1, 9, 10).expand(2, 3, 9, 10)
    for x in (slices, normal(rng, 10, 9, 3, 2).permute(3, 2, 1, 0), expanded):
        assert_close(student.local_contrast_norm(x), definition(x))


def test_leaves_the_image_alone(student, rng):
    "The image should be afterwards what it was before, with one channel as with many: subtract into a new tensor."
    assert_untouched(student.local_contrast_norm, normal(rng, 2, 2, 8, 9))
    assert_untouched(student.local_contrast_norm, normal(rng, 1, 1, 8, 9), 3)
    assert_untouched(student.local_contrast_norm, normal(rng, 2, 1, 3, 4), 9)
    assert_untouched(student.local_contrast_norm, torch.zeros(1, 3, 7, 7))
    assert_untouched(student.local_contrast_norm, normal(rng, 1, 2, 6, 7, dtype=torch.float64))


def test_empty_batch(student):
    "A batch of no images gives a batch of no images."
    x = torch.zeros(0, 3, 9, 8)
    assert_close(student.local_contrast_norm(x), x)


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradient through the mean, the deviation and the typical one."
    gradients_agree(student, rng, normal(rng, 2, 2, 9, 8))


def test_gradients_without_contrast(student, rng):
    "Where an image is flat the slope of the root is infinite, and infinity times zero is NaN: keep it from zero."
    x = torch.zeros(2, 2, 9, 8)
    gradients_agree(student, rng, x, 5, 1.5, 0.01)
    x[1, :, 2:5, 3:6] = normal(rng, 2, 3, 3)
    (gradient,) = student.local_contrast_norm.gradients(x, 3, upstream=normal(rng, *x.shape))
    if gradient is None or not gradient.isfinite().all():
        raise Failure("the gradient is not finite")


def gradients_agree(student, rng, x, *parameters):
    leaf = x.clone().requires_grad_()
    y, upstream = definition(leaf, *parameters), normal(rng, *x.shape)
    assert_close(student.local_contrast_norm(x.clone(), *parameters), y.detach())
    gradient = torch.autograd.grad(y, leaf, upstream)
    assert_close(student.local_contrast_norm.gradients(x, *parameters, upstream=upstream), gradient, 1e-3, 1e-4)


def test_refuses_windows_without_a_centre(student, rng):
    "An even window has no centre pixel, and no window has fewer than one: raise a ValueError."
    x = normal(rng, 1, 1, 12, 12)
    student.local_contrast_norm(x, 11)  # allowed, so refusing everything does not pass
    for window in (6, 2, 0, -3):
        assert_refuses(student.local_contrast_norm, x, window)


def test_refuses_a_gaussian_without_width(student, rng):
    "A Gaussian whose sigma is zero or negative is no Gaussian: raise a ValueError."
    x = normal(rng, 1, 1, 9, 9)
    student.local_contrast_norm(x, 5, 0.5)  # allowed, so refusing everything does not pass
    for sigma in (0.0, -1.5):
        assert_refuses(student.local_contrast_norm, x, 5, sigma)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small, large = ((2, 3, 9, 10), (3, 2, 8, 9)), ((7, 8, 9, 8), (2, 2, 24, 27))
    calls = [[(normal(rng, *shape),) for shape in each] for each in (small, large)]
    assert_right_when_large(student.local_contrast_norm, definition, *calls)


@pytest.mark.gate
def test_no_loop_over_the_image(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    long = [(4000, 1, 3, 2), (1, 4000, 3, 2), (1, 1, 500, 3), (1, 1, 3, 500)]
    clocked = [lambda shape=shape: (normal(rng, *shape), 3) for shape in long]
    loop_free(student.local_contrast_norm, lambda n: (normal(rng, n, n + 1, 9, 8),), definition, (2, 4, 7), clocked)
    loop_free(student.local_contrast_norm, lambda n: (normal(rng, 2, 2, n, n + 3), 5), definition, (9, 14, 24))


@pytest.mark.gate
def test_no_loop_over_the_window(student, rng):
    "The work should not grow with the window: adding up shifted images is a loop over its pixels."
    make = lambda n: (normal(rng, 2, 2, 16, 15), n)  # noqa: E731
    loop_free(student.local_contrast_norm, make, definition, (3, 7, 13), [lambda: (normal(rng, 1, 1, 4, 4), 81)])
