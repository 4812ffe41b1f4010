"""Hidden suite: a mean-field step, kernel by kernel, in float64."""

import pytest
import torch

from autograder.suite import (
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)

APPEARANCE, SMOOTHNESS = (1.0, 3.0, 0.5), (1.0, 1.0)
NO_COLOURS = (0.0, 1.0, 1.0)  # the smoothness kernel alone


def differentiable(unary, image, q, appearance=APPEARANCE, smoothness=SMOOTHNESS, compatibility=None):
    """The definition, in the dtype of its arguments."""
    (images, classes, height, width), pixels = unary.shape, unary.shape[2] * unary.shape[3]
    row, column = torch.arange(pixels) // width, torch.arange(pixels) % width
    apart = ((row[:, None] - row) ** 2 + (column[:, None] - column) ** 2).to(unary.dtype)
    unlike = torch.zeros(images, pixels, pixels, dtype=unary.dtype)
    for channel in image.flatten(2).unbind(1):
        unlike = unlike + (channel[:, :, None] - channel[:, None, :]) ** 2
    near = appearance[0] * torch.exp(-apart / (2 * appearance[1] ** 2)) * torch.exp(-unlike / (2 * appearance[2] ** 2))
    near = near + smoothness[0] * torch.exp(-apart / (2 * smoothness[1] ** 2))
    near = near.masked_fill(torch.eye(pixels, dtype=torch.bool), 0.0)
    messages = q.flatten(2) @ near
    prices = torch.ones(classes, classes, dtype=unary.dtype) - torch.eye(classes, dtype=unary.dtype)
    energy = unary.flatten(2) + (prices if compatibility is None else compatibility.to(unary.dtype)) @ messages
    return (-energy).softmax(1).view(images, classes, height, width)


def expected(unary, image, q, *args, **parameters):
    return differentiable(unary.double(), image.double(), q.double(), *args, **parameters).to(unary.dtype)


def compare(student, *args, **parameters):
    wanted = expected(*args, **parameters)
    # Probabilities near zero are differences of large energies.
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-10}.get(args[0].dtype)
    assert_close(student.mean_field_step(*args, **parameters), wanted, atol=tolerance)


def scene(rng, images=1, classes=3, rows=4, columns=4, channels=1, dtype=torch.float32):
    """Energies, an image and probabilities."""
    unary, image = normal(rng, images, classes, rows, columns), 0.5 * normal(rng, images, channels, rows, columns)
    return unary.to(dtype), image.to(dtype), normal(rng, images, classes, rows, columns).softmax(1).to(dtype)


def undecided(rng, **parameters):
    """A scene in which all unary energies are 0."""
    unary, image, q = scene(rng, **parameters)
    return 0 * unary, image, q


@pytest.mark.points(3)
def test_smoothness(student, rng):
    "With the smoothness kernel alone, messages come from all other pixels, the nearer the stronger."
    compare(student, *undecided(rng), appearance=NO_COLOURS)
    for smoothness in ((2.0, 1.0), (0.5, 2.5), (1.5, 0.7)):
        compare(student, *undecided(rng), NO_COLOURS, smoothness)


@pytest.mark.points(3)
def test_appearance(student, rng):
    "With the appearance kernel alone, positions and colours have widths of their own."
    compare(student, *undecided(rng), smoothness=(0.0, 1.0))
    for appearance in ((2.0, 1.0, 0.7), (0.5, 2.0, 0.3), (1.5, 0.8, 3.0)):
        compare(student, *undecided(rng), appearance, (0.0, 1.0))


@pytest.mark.points(2)
def test_both_kernels(student, rng):
    "Both kernels are added, each with its weight, and divided by nothing."
    compare(student, *undecided(rng))
    compare(student, *undecided(rng), (0.3, 2.0, 0.6), (0.9, 1.3))


def test_no_message_at_all(student, rng):
    "Without neighbours or without weights the unary energies alone decide."
    compare(student, *scene(rng), NO_COLOURS, (0.0, 1.0))
    compare(student, *scene(rng, rows=1, columns=1))


@pytest.mark.points(2)
def test_unary_energies(student, rng):
    "The new probabilities depend on the unary energies: the smaller the energy, the larger the probability."
    unary, image, q = scene(rng)
    compare(student, 3 * unary, image, torch.full_like(q, 1 / 3), NO_COLOURS)


@pytest.mark.points(2)
def test_images_that_are_not_square(student, rng):
    "Positions and colours are numbered alike, in images of any shape."
    for rows, columns in ((2, 6), (5, 3), (1, 7), (6, 1)):
        compare(student, *undecided(rng, rows=rows, columns=columns), NO_COLOURS)


@pytest.mark.points(2)
def test_colours(student, rng):
    "The difference of two colours is a sum over all channels."
    for channels in (2, 3, 40):
        unary, image, q = undecided(rng, channels=channels)
        compare(student, unary, image * (2 / channels) ** 0.5, q, smoothness=(0.0, 1.0))


@pytest.mark.points(3)
def test_compatibility(student, rng):
    "Compatibilities are used as they are given: rows for the pixel's own label, columns for that of the others."
    prices = torch.tensor([[0.0, 1.0, 3.0], [0.2, 0.0, 0.5], [1.0, 2.0, 0.0]])
    for compatibility in (prices, prices + 0.3, -prices, torch.diag(torch.tensor([1.0, 2.0, -1.0]))):
        compare(student, *undecided(rng), NO_COLOURS, compatibility=compatibility)


def test_numbers_of_classes(student, rng):
    "There may be two classes, or hundreds, or a single one."
    for classes in (2, 200, 1):
        compare(student, *scene(rng, classes=classes), NO_COLOURS)


@pytest.mark.points(2)
def test_each_image_by_itself(student, rng):
    "Pixels send messages within their own image, and every image has its own colours."
    compare(student, *scene(rng, images=3))


def test_no_images(student):
    "A batch of no images gives a batch of no images, with the other axes as long as ever."
    compare(student, torch.zeros(0, 3, 2, 2), torch.zeros(0, 1, 2, 2), torch.zeros(0, 3, 2, 2))


@pytest.mark.points(2)
def test_large_energies(student, rng):
    "Energies may be large, of either sign: no probability becomes NaN."
    unary, image, q = scene(rng, dtype=torch.float64)
    for shift in (-1e4, 1e4):
        compare(student, unary + shift, image, q, NO_COLOURS)
    compare(student, 1e30 * unary.float(), image.float(), q.float(), NO_COLOURS)


def test_excluded_classes(student, rng):
    "A class with an infinite energy has the probability 0, and the others share the whole."
    unary, image, q = scene(rng)
    unary[0, 1, :2], unary[0, 0, 3] = torch.inf, torch.inf
    compare(student, unary, image, q, NO_COLOURS)


@pytest.mark.points(2)
def test_colours_far_from_zero(student, rng):
    "The same number added to all colours changes nothing: subtract before you square."
    unary, image, q = scene(rng)
    image = (64 * image).round() / 64
    compare(student, unary, image + 5000, q, smoothness=(0.0, 1.0))
    compare(student, unary, image - 5000, q, smoothness=(0.0, 1.0))


@pytest.mark.points(3)
def test_gradients(student, rng):
    "Autograd should find the gradients of energies, image and probabilities: look for what cuts them off."
    for parameters in ({}, {"compatibility": torch.tensor([[0.0, 1.0, 3.0], [0.2, 0.0, 0.5], [1.0, 2.0, 0.0]])}):
        args, upstream = scene(rng), normal(rng, 1, 3, 4, 4)
        leaves = [a.double().requires_grad_() for a in args]
        loss = (differentiable(*leaves, **parameters) * upstream.double()).sum()
        wanted = [g.float() for g in torch.autograd.grad(loss, leaves)]
        got = student.mean_field_step.gradients(*args, upstream=upstream, **parameters)
        assert_close(got[:3], wanted, atol=5e-5)


def test_gradients_of_colours_far_apart(student, rng):
    "Where two colours are so far apart that nothing is left of their kernel, gradients are numbers all the same."
    unary, image, q = scene(rng)
    image[..., 2:] += 90
    upstream = normal(rng, 1, 3, 4, 4)
    leaves = [a.double().requires_grad_() for a in (unary, image, q)]
    loss = (differentiable(*leaves) * upstream.double()).sum()
    wanted = [g.float() for g in torch.autograd.grad(loss, leaves)]
    got = student.mean_field_step.gradients(unary, image, q, upstream=upstream)
    assert_close(got[:3], wanted, atol=5e-5)


def test_double_precision(student, rng):
    "In float64 the probabilities are float64 and right to their last digits."
    compare(student, *scene(rng, dtype=torch.float64), (0.3, 2.9, 0.7), (0.7, 1.1))
    prices = torch.full((3, 3), 0.3, dtype=torch.float64)
    compare(student, *scene(rng, dtype=torch.float64), NO_COLOURS, compatibility=prices.tril())


def test_half_precision(student, rng):
    "Probabilities of float16 energies are float16, and messages are added up in float32."
    compare(student, *scene(rng, dtype=torch.float16), NO_COLOURS)
    unary, image, q = scene(rng, rows=18, columns=18, dtype=torch.float16)
    compare(student, unary * 0, image, q / 50 + 1 / 3, NO_COLOURS, (6.0, 40.0))


def test_colours_in_half_precision(student, rng):
    "In float16 the distance of two colours is computed in float32: no square is too large and no sum too coarse."
    unary, image, q = undecided(rng, dtype=torch.float16)
    compare(student, unary, 800 * image, q, (1.0, 3.0, 600.0), (0.0, 1.0))
    compare(student, *undecided(rng, channels=300, dtype=torch.float16), (2.0, 3.0, 50.0), (0.0, 1.0))


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    unary, image, q = scene(rng, images=2, channels=2)
    compare(student, scattered(unary), scattered(image), scattered(q))
    compare(student, unary.mT, image.mT, q.mT)
    compare(student, unary[:1].expand(2, 3, 4, 4), image[:, :1].expand(2, 3, 4, 4), q[:1].expand(2, 3, 4, 4))


def test_leaves_its_inputs_alone(student, rng):
    "Energies, image, probabilities and compatibilities should be afterwards what they were before."
    for dtype in (torch.float32, torch.float64, torch.float16):
        args = scene(rng, images=2, dtype=dtype)
        assert_untouched(student.mean_field_step, *args)
        assert_untouched(student.mean_field_step, *args, APPEARANCE, SMOOTHNESS, torch.ones(3, 3, dtype=dtype))


@pytest.mark.points(2)
def test_refuses_shapes_that_do_not_fit(student, rng):
    "Energies, image and probabilities of other images or sizes should raise a ValueError, never broadcast."
    unary, image, q = scene(rng, images=2, rows=3)
    student.mean_field_step(unary, image, q)  # so refusing everything does not pass
    for other in (q[:1], q[:, :1], q[:, :2], q[..., :1], q[:, :, :1], q.mT, q[0], q.flatten(2)):
        assert_refuses(student.mean_field_step, unary, image, other)
    for other in (image[:1], image[..., :1], image[:, :, :1], image.mT, image[0], image[:, 0]):
        assert_refuses(student.mean_field_step, unary, other, q)


def test_refuses_other_numbers_of_axes(student, rng):
    "Energies, image and probabilities have four axes each: fewer should raise a ValueError, even if they agree."
    unary, image, q = scene(rng)
    student.mean_field_step(unary, image, q)  # so refusing everything does not pass
    fewer = [(..., 0), (0, 0, 0), (0, 0, 0, 0)]
    for at in fewer:
        assert_refuses(student.mean_field_step, unary, image[at], q)
        assert_refuses(student.mean_field_step, unary[at], image, q[at])
        assert_refuses(student.mean_field_step, unary[at], image[at], q[at])


def test_refuses_widths_that_are_not_positive(student, rng):
    "A Gaussian needs a positive width: any of the three that is 0 or negative should raise a ValueError."
    args = scene(rng)
    student.mean_field_step(*args, (1.0, 2.0, 2.0), (1.0, 2.0))  # so refusing everything does not pass
    for width in (0.0, -1.0):
        for appearance, gamma in (((1.0, width, 2.0), 2.0), ((1.0, 2.0, width), 2.0), ((1.0, 2.0, 2.0), width)):
            assert_refuses(student.mean_field_step, *args, appearance, (1.0, gamma))


def test_refuses_compatibilities_of_other_shapes(student, rng):
    "Compatibilities need a row and a column for each class: anything else should raise a ValueError."
    args = scene(rng)
    student.mean_field_step(*args, APPEARANCE, SMOOTHNESS, torch.eye(3))  # so refusing everything does not pass
    for shape in ((2, 2), (3, 2), (2, 3), (3,), (1, 3), (3, 1), (1, 1), (4, 4), (1, 3, 3)):
        assert_refuses(student.mean_field_step, *args, APPEARANCE, SMOOTHNESS, torch.ones(shape))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small images is right for large ones, by the same code: the loops are looked for in these."
    small = [scene(rng, 2, 3, 3, 4, 2), scene(rng, 3, 2, 4, 3, 3)]
    large = [scene(rng, 5, 9, 4, 5, 6), scene(rng, 2, 3, 13, 14, 2)]
    assert_right_when_large(student.mean_field_step, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, classes, channels or pixels: look for a loop, also a hidden one."
    shapes = [(3000, 2, 1, 2), (1, 3000, 1, 2), (1, 2, 1, 800), (1, 2, 800, 1), (1, 2, 1, 2, 6000)]
    long = [lambda shape=shape: scene(rng, *shape) for shape in shapes]
    loop_free(student.mean_field_step, lambda n: scene(rng, n, n + 1, 3, 4, n), expected, (2, 5, 9), long)
    loop_free(student.mean_field_step, lambda n: scene(rng, 2, 3, n, n + 1, 2), expected, (3, 5, 8))
