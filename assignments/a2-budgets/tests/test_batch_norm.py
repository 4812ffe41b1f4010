"""What `check("batch_norm")` tries."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import assert_close, assert_refuses, assert_untouched, loop_free, normal


def layer(rng, *shape, dtype=torch.float32):
    x = 2 * normal(rng, *shape, dtype=dtype) + 1
    gamma, beta, mean, var = (normal(rng, shape[1], dtype=dtype) for _ in range(4))
    return x, gamma, beta, mean, var.square() + 0.5


def pytorch(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean.clone(), running_var.clone()
    return F.batch_norm(x.to(gamma.dtype), mean, var, gamma, beta, training, momentum, eps).to(x.dtype), mean, var


def test_the_example(student):
    "The example of the text: one channel with the values 1 and 3."
    x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    got = student.batch_norm(x, torch.ones(1), torch.zeros(1), torch.zeros(1), torch.ones(1), True)
    assert_close(got, (x - 2, torch.tensor([0.2]), torch.tensor([1.1])), atol=1e-4)


def test_training(student, rng):
    "In training the batch's own statistics normalise, over images, rows and columns, and the running ones move."
    call = *layer(rng, 3, 2, 4, 5), True
    assert_close(student.batch_norm(*call), pytorch(*call))


def test_evaluation(student, rng):
    "In evaluation the running statistics normalise and stay as they are."
    call = *layer(rng, 3, 2, 4, 5), False
    assert_close(student.batch_norm(*call), pytorch(*call))


def test_momentum_and_eps(student, rng):
    "The momentum is the batch's share, and eps is added to the variance below the root."
    call = *layer(rng, 3, 2, 4, 5), True, 0.4, 0.5
    assert_close(student.batch_norm(*call), pytorch(*call))


def test_double_precision_by_example(student, rng):
    "In float64 all three results are float64 and right to their last digits."
    call = *layer(rng, 2, 3, 4, 5, dtype=torch.float64), True
    assert_close(student.batch_norm(*call), pytorch(*call))


def test_half_precision(student, rng):
    "The statistics of a float16 image are computed in float32; its sum may be larger than float16 can hold."
    x, *others = layer(rng, 1, 2, 150, 140)
    call = (x + 5).half(), *others, True
    assert_close(student.batch_norm(*call), pytorch(*call))


def test_leaves_its_inputs_alone_by_example(student, rng):
    "What came in should be afterwards what it was before, the running statistics included."
    for training in (True, False):
        assert_untouched(student.batch_norm, *layer(rng, 2, 3, 4, 4), training)


def test_refuses_what_has_no_variance(student, rng):
    "In training, fewer than two values in a channel raise a ValueError; so do parameters of another length, always."
    x, gamma, *others = layer(rng, 1, 3, 1, 1)
    student.batch_norm(x, gamma, *others, False)  # allowed, so refusing everything does not pass
    assert_refuses(student.batch_norm, x, gamma, *others, True)
    assert_refuses(student.batch_norm, x, torch.ones(2), *others, False)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with the input: look for a loop over images, channels or pixels."
    for training in (True, False):
        make = lambda n, training=training: (*layer(rng, n, n + 1, n + 2, n), training)  # noqa: E731
        loop_free(student.batch_norm, make, pytorch, sizes=(2, 4, 8))
