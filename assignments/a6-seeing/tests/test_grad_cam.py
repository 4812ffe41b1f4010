"""What `check("grad_cam")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def definition(activations, gradients, size):
    """Map by map."""
    images, scores = gradients.shape[:2]
    weights = gradients.double().mean((-1, -2))
    maps = torch.zeros(images, scores, *size, dtype=torch.float64)
    for n in range(images):
        for k in range(scores):
            coarse = (weights[n, k, :, None, None] * activations[n].double()).sum(0).clamp(min=0)
            fine = F.interpolate(coarse[None, None], size, mode="bilinear", align_corners=False)[0, 0]
            maps[n, k] = fine / fine.max() if fine.max() > 0 else 0
    return tuple(result.to(activations.dtype) for result in (weights, maps))


def layer(rng, images, scores, channels, rows, columns, dtype=torch.float32):
    shape = channels, rows, columns
    return normal(rng, images, *shape, dtype=dtype).abs(), normal(rng, images, scores, *shape, dtype=dtype)


def test_the_example(student):
    "The example of the text: two channels, of which one has a negative weight."
    activations = torch.tensor([[1.0, 3.0], [2.0, 0.0]]).view(1, 2, 1, 2)
    gradients = torch.tensor([[0.5, 1.5], [-1.0, -1.0]]).view(1, 1, 2, 1, 2)
    weights, maps = torch.tensor([[[1.0, -1.0]]]), torch.tensor([0.0, 0.25, 0.75, 1.0]).view(1, 1, 1, 4)
    assert_close(student.grad_cam(activations, gradients, (1, 4)), (weights, maps))


def test_images_and_scores_by_example(student, rng):
    "Two images with three scores each, at several sizes."
    for dtype in (torch.float32, torch.float64):
        for size in ((4, 5), (8, 9), (3, 2)):
            activations, gradients = layer(rng, 2, 3, 4, 4, 5, dtype)
            assert_close(student.grad_cam(activations, gradients, size), definition(activations, gradients, size))


def test_zeros_and_tiny_values_by_example(student):
    "A map of zeros stays one, and the largest value of any other is 1."
    activations = torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)
    gradients = torch.tensor([1e-25, 0.0, -1.0]).view(1, 3, 1, 1, 1).expand(1, 3, 1, 1, 2)
    maps = torch.tensor([[0.5, 1.0], [0.0, 0.0], [0.0, 0.0]]).view(1, 3, 1, 2)
    assert_close(student.grad_cam(activations, gradients, (1, 2)), (gradients[..., 0, 0], maps))


def test_refusals(student, rng):
    "Gradients of other shapes and a size of 0 should raise a ValueError; what fits should be right."
    activations, gradients = layer(rng, 2, 2, 3, 4, 4)
    wanted = definition(activations, gradients, (4, 4))
    assert_close(student.grad_cam(activations, gradients, 4), wanted)  # so refusing everything does not pass
    for args in ((gradients[:1], 4), (gradients[:, 0], 4), (gradients[:, :, :1], 4), (gradients, 0)):
        assert_refuses(student.grad_cam, activations, *args)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, scores, channels or positions: look for a loop over one of them."
    loop_free(student.grad_cam, lambda n: (*layer(rng, n, n + 1, n + 2, 3, 4), (5, 6)), definition, (2, 4, 7))
    loop_free(student.grad_cam, lambda n: (*layer(rng, 1, 2, 3, n, n + 1), (n, 2 * n)), definition, (3, 5, 9))
