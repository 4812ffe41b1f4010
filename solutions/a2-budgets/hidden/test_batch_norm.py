"""Hidden suite: batch normalisation, against PyTorch's own in float64."""

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

Y, MEAN, VAR = 0, 1, 2


def layer(rng, shape, mean=0.5, deviation=1.5, dtype=torch.float32, image=None):
    """The arguments up to the running variance, channels of unlike statistics; the image may have its own dtype."""
    channels = shape[1]
    x = normal(rng, *shape, dtype=torch.float64) * deviation + mean
    x = x * torch.linspace(0.7, 1.3, channels, dtype=torch.float64)[:, None, None]
    gamma, beta, running_mean = (normal(rng, channels, dtype=dtype) for _ in range(3))
    return x.to(image or dtype), gamma, beta, running_mean, normal(rng, channels, dtype=dtype).square() + 0.5


def definition(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean.double().clone(), running_var.double().clone()
    y = F.batch_norm(x.double(), mean, var, gamma.double(), beta.double(), training, momentum, eps)
    return y.to(x.dtype), mean.to(running_mean.dtype), var.to(running_var.dtype)


def compare(student, which, call, training=True, **named):
    """Compare those of the three results that ``which`` names."""
    wanted, got = definition(*call, training, **named), student.batch_norm(*call, training, **named)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of y and the two running statistics", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


def plain(rng, *shape):
    """A layer without scale and shift, whose running statistics are those of a new layer."""
    x, *_ = layer(rng, shape)
    one, zero = torch.ones(shape[1]), torch.zeros(shape[1])
    return x, one, zero, zero.clone(), one.clone()


@pytest.mark.points(2)
def test_training_normalises_by_the_batch(student, rng):
    "Mean and variance of a channel are taken over all images, rows and columns together, and over nothing else."
    compare(student, [Y], plain(rng, 4, 3, 5, 6))


@pytest.mark.points(2)
def test_the_biased_variance_normalises(student, rng):
    "The variance that normalises is divided by the number of values M, not by M − 1: with few values it shows."
    compare(student, [Y], plain(rng, 2, 2, 1, 1), eps=0.1)
    compare(student, [Y], plain(rng, 1, 2, 1, 3), eps=0.1)


@pytest.mark.points(2)
def test_scale_and_shift(student, rng):
    "The scale multiplies the normalised value of its channel and the shift is added afterwards, in both modes."
    x, gamma, beta, *running = layer(rng, (3, 4, 3, 3), deviation=4.0)  # what eps does is another test's
    compare(student, [Y], (x, gamma, beta, *running))
    compare(student, [Y], (x, gamma, beta, torch.zeros(4), torch.full((4,), 20.0)), training=False)


@pytest.mark.points(2)
def test_evaluation_uses_the_running_statistics(student, rng):
    "In evaluation the running mean and variance normalise, and the other images of the batch change nothing."
    x, _, _, *running = layer(rng, (3, 4, 5, 3))
    compare(student, [Y], (x, torch.ones(4), torch.zeros(4), *running), training=False)
    compare(student, [Y], (x[:1, :, :1, :1], torch.ones(4), torch.zeros(4), *running), training=False)


@pytest.mark.points(2)
def test_evaluation_keeps_the_running_statistics(student, rng):
    "In evaluation the running statistics stay as they are: only training moves them."
    compare(student, [MEAN, VAR], layer(rng, (3, 4, 5, 3)), training=False)


@pytest.mark.points(2)
def test_the_running_mean(student, rng):
    "The momentum is the share of the batch's mean: the running mean keeps the rest of its old value."
    compare(student, [MEAN], layer(rng, (3, 4, 5, 3)))
    compare(student, [MEAN], layer(rng, (3, 4, 5, 3)), momentum=0.3)


@pytest.mark.points(2)
def test_the_running_variance(student, rng):
    "The momentum is the share of the batch's variance: the running variance keeps the rest of its old value."
    call = layer(rng, (40, 2, 16, 16))  # so many values that both variances are nearly the same
    wanted, got = definition(*call, True, momentum=0.3), student.batch_norm(*call, True, momentum=0.3)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of y and the two running statistics", got, wanted)
    assert_close(got[VAR], wanted[VAR], rtol=1e-3)


@pytest.mark.points(2)
def test_the_unbiased_variance_is_remembered(student, rng):
    "The variance that goes into the running one is divided by M − 1: with few values it shows."
    compare(student, [VAR], layer(rng, (2, 3, 1, 1)))
    compare(student, [VAR], layer(rng, (1, 3, 2, 2)))


def test_all_or_nothing(student, rng):
    "Momentum 1 forgets the old statistics, and momentum 0 keeps them."
    for momentum in (1.0, 0.0):
        compare(student, [MEAN, VAR], layer(rng, (3, 4, 5, 3)), momentum=momentum)


@pytest.mark.points(2)
def test_eps_is_added_to_the_variance(student, rng):
    "`eps` is added to the variance below the root, not to the deviation, in both modes, and is no largest value of it."
    for training in (True, False):
        compare(student, [Y], plain(rng, 3, 2, 4, 4), training, eps=0.7)


def test_eps_has_no_part_in_the_running_variance(student, rng):
    "`eps` keeps the divisor from zero; the running variance does not contain it."
    compare(student, [VAR], layer(rng, (3, 2, 8, 8)), eps=0.9)


def test_defaults(student, rng):
    "Without being told, eps is 1e-5, which shows where a channel hardly varies."
    call = layer(rng, (3, 2, 4, 4), mean=0.0, deviation=0.003)
    compare(student, [Y], call)
    compare(student, [Y], (*call[:4], torch.full((2,), 1e-5)), training=False)


def test_constant_channels(student, rng):
    "A channel without variation becomes its shift, never NaN."
    x, *others = layer(rng, (2, 3, 4, 4))
    x[:, 1] = 3.0
    compare(student, [Y, MEAN, VAR], (x, *others))
    compare(student, [Y, MEAN, VAR], (torch.zeros(2, 3, 4, 4), *others))


@pytest.mark.points(2)
def test_a_mean_far_from_zero(student, rng):
    "Subtract the mean before you square: the mean of squares less the squared mean loses its digits."
    call = layer(rng, (4, 3, 6, 6), mean=1e9, deviation=10.0, dtype=torch.float64)
    wanted, got = definition(*call, True), student.batch_norm(*call, True)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of y and the two running statistics", got, wanted)
    assert_close(got[Y], wanted[Y], rtol=1e-4, atol=1e-5)


def test_double_precision(student, rng):
    "In float64 all three results should be float64 and right to their last digits, in both modes."
    call = layer(rng, (3, 4, 5, 6), dtype=torch.float64)
    for training in (True, False):
        compare(student, [Y, MEAN, VAR], call, training)


@pytest.mark.points(2)
def test_images_of_half_precision(student, rng):
    "A float16 image has its statistics computed in float32: a sum of many values is too large for float16."
    for shape, mean in (((2, 3, 5, 4), 0.5), ((1, 2, 160, 150), 6.0), ((2, 2, 9, 9), 300.0)):
        call = layer(rng, shape, mean, image=torch.float16)
        compare(student, [Y, MEAN, VAR], call)
    compare(student, [Y, MEAN, VAR], call, training=False)


def test_batches_and_sizes_of_one(student, rng):
    "One image, one channel, one row or one column are still axes of length one and should not disappear."
    for shape in ((1, 1, 4, 5), (3, 1, 1, 1), (2, 1, 1, 1), (1, 3, 1, 5), (2, 2, 4, 1), (1, 3, 4, 4)):
        for training in (True, False):
            compare(student, [Y, MEAN, VAR], layer(rng, shape), training, eps=0.1)
    compare(student, [Y, MEAN, VAR], layer(rng, (1, 3, 1, 1)), training=False)


def test_many_channels(student, rng):
    "A layer may have hundreds of channels, also as many as rows or columns, and each has its own statistics."
    for shape in ((2, 300, 2, 3), (4, 4, 4, 4)):
        for training in (True, False):
            compare(student, [Y, MEAN, VAR], layer(rng, shape), training, eps=0.1)


def test_empty_batch_in_evaluation(student, rng):
    "In evaluation a batch of no images gives a batch of no images, and the statistics stay."
    _, *others = layer(rng, (1, 3, 4, 5))
    x = torch.zeros(0, 3, 4, 5)
    student.batch_norm(torch.ones(1, 3, 4, 5), *others, False)  # of PyTorch's own, no images would show no operator
    assert_close(student.batch_norm(x, *others, False), (x, *others[2:]))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give."
    x, gamma, beta, mean, var = layer(rng, (4, 3, 5, 6), deviation=4.0)
    running = mean, var + 20  # variances so large that eps has no part
    table = torch.stack([gamma, beta, *running], 1)
    for image in (scattered(x), x.transpose(2, 3), x[:1].expand(4, 3, 5, 6), x.permute(2, 1, 0, 3)):
        compare(student, [Y, MEAN, VAR], (image, gamma, beta, *running))
    compare(student, [Y, MEAN, VAR], (x, *table.unbind(1)))
    call = x.contiguous(memory_format=torch.channels_last), torch.ones(1).expand(3), torch.zeros(1).expand(3), *running
    for training in (True, False):
        compare(student, [Y, MEAN, VAR], call, training)


@pytest.mark.points(2)
def test_leaves_its_inputs_alone(student, rng):
    "What came in should be afterwards what it was before: new running statistics are returned, not written over old."
    assert_untouched(student.batch_norm, *layer(rng, (3, 2, 4, 5)), True)
    assert_untouched(student.batch_norm, *layer(rng, (3, 2, 4, 5)), False)
    assert_untouched(student.batch_norm, *layer(rng, (2, 1, 3, 3), dtype=torch.float64), True)
    assert_untouched(student.batch_norm, *layer(rng, (2, 1, 3, 3), image=torch.float16), True)


def test_refuses_single_values_in_training(student, rng):
    "In training a channel of one value, or of none, has no variance: raise a ValueError. In evaluation it is fine."
    call = layer(rng, (1, 3, 1, 1))
    student.batch_norm(*call, False)  # allowed, so refusing everything does not pass
    student.batch_norm(*layer(rng, (1, 3, 1, 2)), True)
    student.batch_norm(*layer(rng, (1, 1, 1, 2)), True)  # two values are enough in a single channel too
    assert_refuses(student.batch_norm, *call, True)
    assert_refuses(student.batch_norm, *layer(rng, (1, 1, 1, 1)), True)
    assert_refuses(student.batch_norm, torch.zeros(0, 3, 4, 4), *call[1:], True)
    assert_refuses(student.batch_norm, torch.zeros(2, 3, 0, 4), *call[1:], True)


def test_refuses_other_channels(student, rng):
    "Scale, shift and running statistics have one number for each channel: raise a ValueError for any other shape."
    call = layer(rng, (2, 3, 4, 5))
    student.batch_norm(*call, True)  # allowed, so refusing everything does not pass
    for at in (1, 2, 3, 4):
        for wrong in (torch.ones(4), torch.ones(1), torch.ones(5), torch.ones(3, 1)):
            for training in (True, False):
                assert_refuses(student.batch_norm, *call[:at], wrong, *call[at + 1 :], training)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    for training in (True, False):
        small, large = ((2, 3, 4, 5), (3, 2, 5, 4)), ((40, 3, 4, 5), (2, 60, 4, 5), (2, 3, 40, 50))
        calls = [[(*layer(rng, shape), training) for shape in shapes] for shapes in (small, large)]
        assert_right_when_large(student.batch_norm, definition, *calls)


@pytest.mark.gate
def test_no_loop_in_training(student, rng):
    "The work should not grow with images, channels, rows or columns: look for a loop, also a hidden one."
    long = [lambda shape=shape: (*layer(rng, shape), True) for shape in ((4000, 1, 1, 2), (1, 4000, 1, 2))]
    long += [lambda shape=shape: (*layer(rng, shape), True) for shape in ((1, 1, 4000, 2), (1, 1, 2, 4000))]
    make = lambda n: (*layer(rng, (n, n + 1, n + 2, n + 3)), True)  # noqa: E731
    loop_free(student.batch_norm, make, definition, (2, 4, 8), long)


@pytest.mark.gate
def test_no_loop_in_evaluation(student, rng):
    "The work should not grow with images or channels in evaluation either."
    make = lambda n: (*layer(rng, (n, n + 1, n + 2, n + 3)), False)  # noqa: E731
    loop_free(student.batch_norm, make, definition, (2, 4, 8), [lambda: (*layer(rng, (1, 4000, 1, 2)), False)])
