"""What `check("mean_field_step")` tries."""

import math

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def definition(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    """Pair of pixels by pair of pixels."""
    images, classes, height, width = unary.shape
    energy = unary.double().clone()
    prices = 1 - torch.eye(classes) if compatibility is None else compatibility
    for n in range(images):
        for a in range(height * width):
            for b in range(height * width):
                (i, j), (u, v) = divmod(a, width), divmod(b, width)
                apart = (i - u) ** 2 + (j - v) ** 2
                unlike = float((image[n, :, i, j] - image[n, :, u, v]).double().square().sum())
                near = appearance[0] * math.exp(-apart / 2 / appearance[1] ** 2 - unlike / 2 / appearance[2] ** 2)
                near += smoothness[0] * math.exp(-apart / 2 / smoothness[1] ** 2)
                energy[n, :, i, j] += (a != b) * near * (prices.double() @ q[n, :, u, v].double())
    return torch.softmax(-energy, 1).to(unary.dtype)


def scene(rng, images, classes, rows, columns, channels, dtype=torch.float32):
    unary, image = normal(rng, images, classes, rows, columns), 0.5 * normal(rng, images, channels, rows, columns)
    return unary.to(dtype), image.to(dtype), normal(rng, images, classes, rows, columns).softmax(1).to(dtype)


def test_the_example(student):
    "The example of the text: two pixels exchange their labels, nearly."
    q = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 2, 1, 2)
    got = student.mean_field_step(torch.zeros(1, 2, 1, 2), torch.zeros(1, 1, 1, 2), q, (0.0, 1.0, 1.0), (2.0, 1.0))
    share = 1 / (1 + math.exp(2 * math.exp(-0.5)))
    assert_close(got, torch.tensor([[share, 1 - share], [1 - share, share]]).view(1, 2, 1, 2))


def test_kernels_by_example(student, rng):
    "Each kernel by itself, both together, and neither."
    for strong, smooth in ((1.0, 0.0), (0.0, 1.0), (0.7, 1.5), (0.0, 0.0)):
        args = *scene(rng, 2, 3, 2, 3, 2), (strong, 2.0, 0.6), (smooth, 1.2)
        assert_close(student.mean_field_step(*args), definition(*args))


def test_compatibility_by_example(student, rng):
    "Prices that are not symmetric."
    args, prices = scene(rng, 1, 3, 3, 2, 1), torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 0.5], [3.0, 0.0, 0.1]])
    assert_close(student.mean_field_step(*args, compatibility=prices), definition(*args, compatibility=prices))


def test_large_energies_by_example(student, rng):
    "Large energies and infinite ones."
    unary, image, q = scene(rng, 1, 3, 2, 2, 1, torch.float64)
    unary = unary - 20000
    unary[0, 2, 0] = torch.inf
    assert_close(student.mean_field_step(unary, image, q), definition(unary, image, q))


def test_gradients_flow(student, rng):
    "Energies, image and probabilities all have a gradient."
    args = scene(rng, 1, 2, 2, 3, 1)
    got = student.mean_field_step.gradients(*args, upstream=normal(rng, 1, 2, 2, 3))
    assert [g is not None and bool((g != 0).any()) for g in got] == [True, True, True]


def test_refusals(student, rng):
    "Shapes that do not fit and widths that are not positive should raise a ValueError; what fits should be right."
    unary, image, q = scene(rng, 2, 2, 2, 3, 1)
    wanted = definition(unary, image, q)
    assert_close(student.mean_field_step(unary, image, q), wanted)  # so refusing everything does not pass
    for args in (
        *((unary, image[:1], q), (unary, image, q[:, :1]), (unary, image, q, (1.0, 0.0, 1.0))),
        *(
            (unary, image, q, (1.0, 1.0, 1.0), (1.0, -1.0)),
            (unary, image, q, (1.0, 1.0, 1.0), (1.0, 1.0), torch.eye(3)),
        ),
    ):
        assert_refuses(student.mean_field_step, *args)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, classes or pixels: look for a loop over one of them."
    loop_free(student.mean_field_step, lambda n: scene(rng, n, n + 1, 2, 2, n), definition, (2, 4, 6))
    loop_free(student.mean_field_step, lambda n: scene(rng, 1, 2, 2, n, 1), definition, (2, 4, 7))
