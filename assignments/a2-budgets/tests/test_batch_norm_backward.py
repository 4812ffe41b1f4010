"""What `check("batch_norm_backward")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Mismatch, assert_close, assert_refuses, assert_untouched, loop_free, normal


def autograd(grad_out, x, gamma, eps=1e-5):
    leaves = [leaf.detach().clone().requires_grad_() for leaf in (x, gamma, torch.zeros_like(gamma))]
    y = F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, eps=eps)
    return torch.autograd.grad(y, leaves, grad_out)


def layer(rng, *shape, dtype=torch.float32):
    return (
        normal(rng, *shape, dtype=dtype),
        2 * normal(rng, *shape, dtype=dtype) + 1,
        normal(rng, shape[1], dtype=dtype),
    )


def compare(student, which, call, **named):
    """Compare one gradient of the three (0: image, 1: scale, 2: shift)."""
    wanted, got = autograd(*call, **named), student.batch_norm_backward(*call, **named)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three gradients", got, wanted)
    assert_close(got[which], wanted[which])


def test_the_example(student):
    "The example of the text: four values, a scale of 2 and eps 3."
    grad_out, x = (torch.tensor(v).view(1, 1, 2, 2) for v in ([4.0, 0.0, 0.0, 0.0], [-1.0, 1.0, -1.0, 1.0]))
    wanted = torch.tensor([2.75, -0.75, -1.25, -0.75]).view(1, 1, 2, 2), torch.tensor([-2.0]), torch.tensor([4.0])
    assert_close(student.batch_norm_backward(grad_out, x, torch.tensor([2.0]), 3.0), wanted)


def test_gradient_of_the_shift_by_example(student, rng):
    "The shift's gradient is a sum over images, rows and columns."
    compare(student, 2, layer(rng, 3, 2, 4, 5))


def test_gradient_of_the_scale_by_example(student, rng):
    "The scale's gradient sums gradient times normalised value."
    compare(student, 1, layer(rng, 3, 2, 4, 5))


def test_gradient_of_the_image_by_example(student, rng):
    "The image's gradient has three paths: directly, through the mean and through the variance."
    compare(student, 0, layer(rng, 3, 2, 4, 5))


def test_a_constant_gradient(student, rng):
    "A gradient that is the same everywhere gives the image a gradient of zero."
    _, x, gamma = layer(rng, 3, 2, 4, 5)
    compare(student, 0, (torch.ones_like(x), x, gamma))


def test_eps_by_example(student, rng):
    "`eps` is part of the layer and of its gradients."
    compare(student, 0, layer(rng, 3, 2, 4, 5), eps=0.5)


def test_double_precision_by_example(student, rng):
    "In float64 the gradients are float64 and right to their last digits."
    compare(student, 0, layer(rng, 3, 2, 4, 5, dtype=torch.float64))


def test_leaves_its_inputs_alone_by_example(student, rng):
    "What came in should be afterwards what it was before."
    assert_untouched(student.batch_norm_backward, *layer(rng, 2, 3, 4, 4))


def test_refuses_what_does_not_fit(student, rng):
    "Other shapes, and channels of fewer than two values, raise a ValueError."
    grad_out, x, gamma = layer(rng, 2, 3, 2, 2)
    student.batch_norm_backward(grad_out, x, gamma)  # allowed, so refusing everything does not pass
    for call in ((grad_out[:1], x, gamma), (grad_out, x, gamma[:1]), layer(rng, 1, 3, 1, 1)):
        assert_refuses(student.batch_norm_backward, *call)


@pytest.mark.gate
def test_no_loop_by_example(student, rng):
    "The work should not grow with the input: look for a loop over images, channels or pixels."
    loop_free(student.batch_norm_backward, lambda n: layer(rng, n, n + 1, n + 2, n), autograd, sizes=(2, 4, 8))
