"""Hidden suite: Grad-CAM in float64, channel by channel, with PyTorch's own interpolation."""

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

WEIGHTS, MAPS = 0, 1


def expected(activations, gradients, size):
    size = (size, size) if isinstance(size, int) else size
    weights = gradients.double().mean((3, 4))
    total = torch.zeros(*gradients.shape[:2], *activations.shape[2:], dtype=torch.float64)
    for c in range(activations.shape[1]):
        total += weights[:, :, c, None, None] * activations.double()[:, None, c]
    maps = F.interpolate(total.clamp(min=0), size, mode="bilinear", align_corners=False)
    largest = maps.flatten(2).amax(2)[..., None, None]
    maps = torch.where(largest > 0, maps / largest, 0.0)
    return weights.to(activations.dtype), maps.to(activations.dtype)


def compare(student, which, activations, gradients, size):
    wanted = expected(activations, gradients, size)
    got = student.grad_cam(activations, gradients, size)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of weights and maps", got, wanted)
    for index in which:
        # A value close to zero beside large ones keeps what rounding leaves of the sum.
        small = {torch.float16: 2e-3, torch.float32: 1e-5}.get(activations.dtype, 1e-11)
        largest = float(wanted[index].double().abs().max()) if wanted[index].numel() else 0.0
        assert_close(got[index], wanted[index], atol=small * min(largest, 1.0))


def layer(rng, images=1, scores=1, channels=4, rows=6, columns=6, dtype=torch.float32, slope=1.0):
    """Activations as behind a ReLU, and gradients that are positive for every other channel, on average.

    The sum is largest in the middle, where interpolation lowers it, and negative in a corner, whatever is drawn.
    """
    activations = normal(rng, images, channels, rows, columns, dtype=dtype).abs()
    activations[:, ::2, rows // 2, columns // 2] += 8
    activations[:, 1::2, 0, 0] += 8
    signs = torch.where(torch.arange(channels) % 2 == 0, 1.0, -1.0)[:, None, None]
    gradients = slope * (normal(rng, images, scores, channels, rows, columns, dtype=torch.float64) + signs)
    return activations, gradients.to(dtype)


def positive(rng, **parameters):
    """A layer whose sum is positive everywhere, and largest in the middle alone."""
    activations, gradients = layer(rng, **parameters)
    activations[..., 0, 0] = 0
    return activations + 3, gradients.abs() + 1


@pytest.mark.points(2)
def test_weights(student, rng):
    "The weight of a channel is the mean of its gradient over all positions."
    compare(student, [WEIGHTS], *layer(rng), (6, 6))
    compare(student, [WEIGHTS], *layer(rng, channels=3, rows=2, columns=9), (4, 4))


def test_weights_of_scores_and_images(student, rng):
    "Every score of every image has weights of its own."
    compare(student, [WEIGHTS], *layer(rng, images=3, scores=2), (6, 6))


@pytest.mark.points(3)
def test_sum_of_channels(student, rng):
    "All channels are added up by their weights, also those of a negative weight, and a negative sum becomes 0."
    compare(student, [MAPS], *layer(rng), (6, 6))
    compare(student, [MAPS], *layer(rng, channels=2), (6, 6))


@pytest.mark.points(2)
def test_maps_that_are_positive_everywhere(student, rng):
    "Where the sum is positive at all positions, the map is as well: nothing is subtracted."
    compare(student, [MAPS], *positive(rng), (6, 6))


@pytest.mark.points(2)
def test_channels_of_negative_weight(student, rng):
    "A channel with a negative weight lowers the sum also where the sum stays positive."
    activations, gradients = positive(rng)
    signs = torch.tensor([1.0, -0.2, 1.0, -0.1]).view(4, 1, 1)
    compare(student, [MAPS], activations, signs * gradients, (6, 6))


@pytest.mark.points(2)
def test_activations_below_zero(student, rng):
    "Activations may be negative, and the sum with them where all weights are positive: then it becomes 0."
    _, gradients = positive(rng)
    compare(student, [MAPS], normal(rng, 1, 4, 6, 6), gradients, (6, 6))


@pytest.mark.points(2)
def test_interpolation(student, rng):
    "A positive map is brought to the size by bilinear interpolation, and its largest value becomes 1 after that."
    for size in ((12, 12), (17, 17), (40, 40)):
        compare(student, [MAPS], *positive(rng), size)


@pytest.mark.points(2)
def test_negative_sums_before_the_interpolation(student, rng):
    "What is negative becomes 0 before the interpolation, so that it does not pull its neighbours down."
    for size in ((12, 12), (14, 14)):
        compare(student, [MAPS], *layer(rng), size)


def test_size_as_a_pair(student, rng):
    "The size is (rows, columns)."
    for size in ((12, 6), (6, 17), (4, 11)):
        compare(student, [MAPS], *positive(rng), size)


def test_size_as_a_number(student, rng):
    "A size that is a number stands for both axes."
    for size in (1, 6, 13):
        compare(student, [MAPS], *positive(rng), size)


def test_smaller_sizes(student, rng):
    "A map may become smaller, by the same interpolation."
    for size in ((5, 5), (4, 4)):
        compare(student, [MAPS], *positive(rng, rows=11, columns=11), size)


@pytest.mark.points(2)
def test_each_score_by_itself(student, rng):
    "Every score has a map of its own, whose largest value is 1 whatever the other scores are."
    activations, gradients = layer(rng, scores=3)
    compare(student, [MAPS], activations, gradients * torch.tensor([1.0, 5.0, 0.2]).view(3, 1, 1, 1), (6, 6))


@pytest.mark.points(2)
def test_each_image_by_itself(student, rng):
    "Every image has a map of its own, whose largest value is 1 whatever the other images are."
    activations, gradients = layer(rng, images=3)
    compare(student, [MAPS], activations * torch.tensor([1.0, 5.0, 0.2]).view(3, 1, 1, 1), gradients, (6, 6))


@pytest.mark.points(2)
def test_tiny_values(student, rng):
    "However small the values of a map are, its largest value becomes 1."
    for slope in (1e-6, 1e-13, 1e-30):
        compare(student, [MAPS], *layer(rng, slope=slope), (6, 6))
    compare(student, [MAPS], *layer(rng, dtype=torch.float64, slope=1e-200), (6, 6))


@pytest.mark.points(2)
def test_maps_of_zeros(student, rng):
    "A map that is 0 everywhere stays so, and is no concern of other maps."
    activations, gradients = layer(rng, scores=3)
    gradients[:, 1] = 0
    gradients[:, 2] = -gradients[:, 2].abs()
    compare(student, [MAPS], activations, gradients, (6, 6))
    compare(student, [MAPS], 0 * activations, gradients, (6, 6))


def test_no_images(student):
    "A batch of no images has no weights and no maps, with the other axes as long as ever."
    compare(student, [WEIGHTS, MAPS], torch.zeros(0, 3, 2, 2), torch.zeros(0, 5, 3, 2, 2), (4, 6))


def test_hundreds_of_channels(student, rng):
    "There may be hundreds of channels, or a single one."
    for channels in (1, 500):
        compare(student, [WEIGHTS, MAPS], *layer(rng, channels=channels), (6, 6))


def test_hundreds_of_scores(student, rng):
    "There may be hundreds of scores."
    compare(student, [WEIGHTS, MAPS], *layer(rng, scores=300), (6, 6))


def test_single_positions(student, rng):
    "A layer may have a single row, a single column or a single position."
    for rows, columns in ((1, 40), (40, 1)):
        compare(student, [WEIGHTS, MAPS], *layer(rng, rows=rows, columns=columns), (rows, columns))
    activations, gradients = layer(rng, rows=1, columns=1)
    compare(student, [WEIGHTS, MAPS], activations, gradients.abs(), 4)


def test_double_precision(student, rng):
    "In float64 both results are float64 and right to their last digits."
    compare(student, [WEIGHTS, MAPS], *layer(rng, dtype=torch.float64), (6, 6))


def test_double_precision_between_positions(student, rng):
    "In float64 the interpolation is right to its last digits as well: places and distances are float64 too."
    compare(student, [MAPS], *positive(rng, dtype=torch.float64), (11, 7))


def test_half_precision(student, rng):
    "Both results of float16 activations are float16."
    compare(student, [WEIGHTS, MAPS], *positive(rng, dtype=torch.float16), (6, 6))


def test_sums_in_half_precision(student, rng):
    "A sum over channels may be too large for float16: compute in float32."
    activations, gradients = layer(rng, channels=8, dtype=torch.float16)
    compare(student, [WEIGHTS, MAPS], 200 * activations + 300, 20 * gradients.abs() + 100, (6, 6))


def test_small_weights_in_half_precision(student, rng):
    "In float16 a weight is the mean of small gradients: it is used as float32 has it, and rounded at the end."
    activations, gradients = layer(rng, images=5, dtype=torch.float16, slope=2.0**-21)
    compare(student, [MAPS], 1024 * activations, gradients, (6, 6))


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    activations, gradients = layer(rng, images=2, scores=2)
    compare(student, [WEIGHTS, MAPS], scattered(activations), scattered(gradients), (6, 6))
    compare(student, [WEIGHTS, MAPS], activations.mT, gradients.mT, (6, 6))
    compare(
        student, [WEIGHTS, MAPS], activations[:1].expand(2, 4, 6, 6), gradients[:, :1].expand(2, 2, 4, 6, 6), (6, 6)
    )


def test_leaves_its_inputs_alone(student, rng):
    "Activations and gradients should be afterwards what they were before, whatever their dtype."
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert_untouched(student.grad_cam, *layer(rng, images=2, scores=2, dtype=dtype), (6, 6))


@pytest.mark.points(2)
def test_refuses_shapes_that_do_not_fit(student, rng):
    "Gradients have the axes of the activations and one more for the scores: anything else should raise a ValueError."
    activations, gradients = layer(rng, images=2, scores=3, rows=5)
    student.grad_cam(activations, gradients, (6, 6))  # so refusing everything does not pass
    for other in (
        *(gradients[:1], gradients[:, 0], gradients[:, :, :1], gradients[:, :, :3], gradients[..., :1]),
        *(gradients[..., :1, :], gradients.mT, gradients[0], gradients[:, :, None], gradients.transpose(1, 2)),
    ):
        assert_refuses(student.grad_cam, activations, other, (6, 6))
    for other in (activations[:1], activations[0], activations[:, :1], activations[..., :1], activations[:, None]):
        assert_refuses(student.grad_cam, other, gradients, (6, 6))


def test_refuses_other_numbers_of_axes(student, rng):
    "Activations have four axes and gradients five: anything else should raise a ValueError, even if the two agree."
    activations, gradients = layer(rng)
    student.grad_cam(activations, gradients, (3, 3))  # so refusing everything does not pass
    assert_refuses(student.grad_cam, activations[..., 0], gradients[..., 0], (3, 3))
    assert_refuses(student.grad_cam, activations[..., None], gradients[..., None], (3, 3))
    for other in (gradients[0, 0, 0, 0], gradients[0, 0, 0, 0, 0]):
        assert_refuses(student.grad_cam, activations, other, (3, 3))


def test_refuses_sizes_below_one(student, rng):
    "A size below 1 should raise a ValueError, in either half."
    tensors = layer(rng)
    student.grad_cam(*tensors, (1, 1))  # so refusing everything does not pass
    for size in (0, -1, (0, 4), (4, 0), (-2, 4), (4, -2)):
        assert_refuses(student.grad_cam, *tensors, size)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small layers is right for large ones, by the same code: the loops are looked for in these."
    small = [(*layer(rng, 2, 3), (9, 11)), (*layer(rng, 3, 2), (8, 13))]
    large = [(*layer(rng, 7, 9, 12), (17, 21)), (*layer(rng, 2, 3, 40, 13, 12), (30, 31))]
    assert_right_when_large(student.grad_cam, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, scores, channels or positions: look for a loop, also a hidden one."
    shapes = [(3000, 1, 2, 1, 2), (1, 3000, 2, 1, 2), (1, 1, 5000, 1, 2), (1, 1, 2, 1, 5000), (1, 1, 2, 5000, 1)]
    long = [lambda shape=shape: (*layer(rng, *shape), (3, 2)) for shape in shapes]
    loop_free(student.grad_cam, lambda n: (*layer(rng, n, n + 1, n + 2), (9, 11)), expected, (2, 5, 9), long)
    loop_free(student.grad_cam, lambda n: (*layer(rng, 2, 2, 4, n, n + 1), (2 * n, n + 3)), expected, (5, 9, 14))
