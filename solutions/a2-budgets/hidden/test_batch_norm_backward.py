"""Hidden suite: the gradients of batch normalisation in training, against autograd through PyTorch's in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    loop_free,
    normal,
    scattered,
)

X, GAMMA, BETA = 0, 1, 2


def layer(rng, *shape, dtype=torch.float32, mean=0.5):
    """A gradient for the layer's output, its image and its scale: the arguments of a call."""
    scale = torch.linspace(0.7, 1.9, shape[1], dtype=torch.float64)[:, None, None]
    x = normal(rng, *shape, dtype=torch.float64) * scale + mean
    return normal(rng, *shape, dtype=dtype) + 0.3, x.to(dtype), normal(rng, shape[1], dtype=dtype)


def expected(grad_out, x, gamma, eps=1e-5):
    leaves = [x.double(), gamma.double(), torch.zeros(len(gamma), dtype=torch.float64)]
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    y = F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, eps=eps)
    return tuple(g.to(x.dtype) for g in torch.autograd.grad(y, leaves, grad_out.double()))


def compare(student, which, call, atol=None, **named):
    """Compare those of the three gradients that ``which`` names."""
    wanted, got = expected(*call, **named), student.batch_norm_backward(*call, **named)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three gradients", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index], atol=atol)


@pytest.mark.points(2)
def test_gradient_of_the_shift(student, rng):
    "The shift is added to every value of its channel, so its gradient is a sum over images, rows and columns."
    compare(student, [BETA], layer(rng, 3, 2, 4, 5))


@pytest.mark.points(2)
def test_gradient_of_the_scale(student, rng):
    "The scale multiplies the normalised value, so its gradient sums gradient times normalised value."
    compare(student, [GAMMA], layer(rng, 3, 2, 4, 5))


@pytest.mark.points(3)
def test_gradient_of_the_image(student, rng):
    "Each value moves the mean and the variance of its channel, so two more terms come off the direct one."
    compare(student, [X], layer(rng, 3, 2, 4, 5), atol=1e-4)  # the small term is another test's


@pytest.mark.points(2)
def test_the_path_through_the_mean(student, rng):
    "A gradient that is the same everywhere gives the image a gradient of zero: adding to a channel changes nothing."
    _, x, gamma = layer(rng, 3, 2, 4, 5, dtype=torch.float64)
    compare(student, [X], (torch.full_like(x, 2.0), x, gamma))
    channels = torch.tensor([3.0, -1.0], dtype=torch.float64)[:, None, None].expand_as(x)
    compare(student, [X], (channels, x, gamma))


@pytest.mark.points(2)
def test_the_path_through_the_variance(student, rng):
    "A gradient proportional to the normalised image asks for a larger scale, which the variance takes back."
    _, x, gamma = layer(rng, 4, 3, 4, 5, dtype=torch.float64)
    normalised = F.batch_norm(x, None, None, training=True, eps=1e-20)
    compare(student, [X], (normalised, x, gamma), eps=1e-20)


@pytest.mark.points(2)
def test_scale_of_the_layer(student, rng):
    "The image's gradient is proportional to the scale, also where that is negative, zero or large; no other is."
    grad_out, x, _ = layer(rng, 3, 4, 2, 3)
    compare(student, [X, GAMMA, BETA], (grad_out, x, torch.tensor([-2.0, 0.0, 40.0, 1.0])), eps=0.1)


@pytest.mark.points(2)
def test_eps(student, rng):
    "`eps` is below the root in the layer, so it is below the root in its gradients as well."
    compare(student, [X, GAMMA], layer(rng, 3, 2, 4, 5), eps=0.8)


def test_the_default_of_eps(student, rng):
    "Without being told, eps is 1e-5, which shows where a channel hardly varies."
    grad_out, x, gamma = layer(rng, 3, 2, 4, 5, mean=0.0)
    compare(student, [X, GAMMA, BETA], (grad_out, x * 0.003, gamma))


@pytest.mark.points(2)
def test_few_values(student, rng):
    "The variance is divided by the number of values M and not by M − 1: with few values it shows."
    compare(student, [X, GAMMA], layer(rng, 1, 2, 1, 3), eps=0.1)
    compare(student, [X, GAMMA], layer(rng, 2, 3, 1, 1), eps=0.1)


def test_constant_channels(student, rng):
    "A channel without variation has finite gradients: its variance is 0, and eps is left below the root."
    grad_out, x, gamma = layer(rng, 2, 3, 4, 4)
    x[:, 1] = 0.5
    compare(student, [X, GAMMA, BETA], (grad_out, x, gamma))


def test_channels_do_not_mix(student, rng):
    "Every mean is taken over one channel; no channel reaches another's gradient."
    grad_out, x, gamma = layer(rng, 2, 4, 4, 4)
    grad_out[:, 2] = 0
    compare(student, [X, GAMMA, BETA], (grad_out * torch.tensor([1e-2, 1, 1, 1e2])[:, None, None], x, gamma), eps=0.1)


def test_a_mean_far_from_zero(student, rng):
    "Subtract the mean before you square or multiply: what is left of two large numbers has few digits."
    call = layer(rng, 4, 3, 6, 6, dtype=torch.float64, mean=1e7)
    wanted, got = expected(*call), student.batch_norm_backward(*call)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three gradients", got, wanted)
    assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_double_precision(student, rng):
    "In float64 all three gradients should be float64 and right to their last digits."
    compare(student, [X, GAMMA, BETA], layer(rng, 3, 4, 5, 6, dtype=torch.float64))


def test_ones_everywhere(student, rng):
    "One image, one channel, one row or one column are still axes of length one and should not disappear."
    for shape in ((1, 1, 4, 5), (3, 1, 1, 1), (1, 3, 1, 5), (2, 2, 4, 1), (1, 3, 4, 4)):
        compare(student, [X, GAMMA, BETA], layer(rng, *shape), eps=0.1)


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, also as many as rows or columns."
    compare(student, [X, GAMMA, BETA], layer(rng, 2, 300, 3, 3), eps=0.1)
    compare(student, [X, GAMMA, BETA], layer(rng, 4, 4, 4, 4), eps=0.1)


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give."
    grad_out, x, gamma = layer(rng, 4, 3, 5, 6, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    compare(student, [X, GAMMA, BETA], (scattered(grad_out), scattered(x), gamma), eps=0.1)
    compare(student, [X, GAMMA, BETA], (grad_out.transpose(2, 3), x.transpose(2, 3), one.expand(3)), eps=0.1)
    compare(student, [X, GAMMA, BETA], (one.expand(4, 3, 5, 6), x[:1].expand(4, 3, 5, 6), gamma), eps=0.1)


def test_leaves_its_inputs_alone(student, rng):
    "What came in should be afterwards what it was before."
    assert_untouched(student.batch_norm_backward, *layer(rng, 3, 2, 4, 5))
    assert_untouched(student.batch_norm_backward, *layer(rng, 2, 1, 3, 3, dtype=torch.float64))


def test_large_and_small_gradients(student, rng):
    "Gradients of any scale should come through: nothing is clipped."
    grad_out, x, gamma = layer(rng, 3, 2, 4, 5, dtype=torch.float64)
    for scale in (1e10, 1e4, 1e-4):
        compare(student, [X, GAMMA, BETA], (grad_out.abs() * scale, x, gamma), eps=0.1)


def test_refuses_other_shapes(student, rng):
    "A gradient that has not the shape of the image, or a scale that has not one number a channel, is a ValueError."
    grad_out, x, gamma = layer(rng, 2, 3, 4, 5)
    student.batch_norm_backward(grad_out, x, gamma)  # allowed, so refusing everything does not pass
    for wrong in (
        *(grad_out[:1], grad_out[:, :1], grad_out[:, :, :1], grad_out[..., :1], grad_out[0]),
        *(grad_out.transpose(2, 3), grad_out.transpose(0, 1), grad_out.repeat(2, 1, 1, 1), grad_out.sum()),
    ):
        assert_refuses(student.batch_norm_backward, wrong, x, gamma)
    for wrong in (gamma[:2], gamma[:1], torch.ones(5), gamma[:, None], torch.tensor(1.0)):
        assert_refuses(student.batch_norm_backward, grad_out, x, wrong)


def test_refuses_single_values(student, rng):
    "A channel of one value, or of none, has no variance: raise a ValueError, as the layer itself does."
    student.batch_norm_backward(*layer(rng, 1, 3, 1, 2))  # allowed, so refusing everything does not pass
    for shape in ((1, 3, 1, 1), (1, 1, 1, 1), (0, 3, 4, 4), (2, 3, 0, 4)):
        assert_refuses(student.batch_norm_backward, *layer(rng, *shape))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [layer(rng, *shape) for shape in ((2, 3, 4, 5), (3, 2, 5, 4))]
    large = [layer(rng, *shape) for shape in ((40, 3, 4, 5), (2, 60, 4, 5), (2, 3, 40, 50))]
    assert_right_when_large(student.batch_norm_backward, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    shapes = (4000, 1, 1, 2), (1, 4000, 1, 2), (1, 1, 4000, 2), (1, 1, 2, 4000)
    long = [lambda shape=shape: layer(rng, *shape) for shape in shapes]
    make = lambda n: layer(rng, n, n + 1, n + 2, n + 3)  # noqa: E731
    loop_free(student.batch_norm_backward, make, expected, (2, 4, 8), long)
