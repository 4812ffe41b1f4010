"""Hidden suite: the balanced cross-entropy, against PyTorch's own in float64 with weights by the definition."""

import pytest
import torch
import torch.nn.functional as F

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

RULES = ("none", "inverse", "median")
SEED_OF_LABELS = 5


def weights_of(labels, scored, classes, weighting):
    of_image = (F.one_hot(labels.where(scored, 0), classes).double() * scored[..., None]).sum((1, 2))
    counts = of_image.sum(0)
    there = counts > 0
    weights = torch.zeros(classes, dtype=torch.float64)
    if weighting == "none" or not there.any():
        return weights + 1
    if weighting == "inverse":
        weights[there] = counts.sum() / (there.sum() * counts[there])
        return weights
    where = torch.einsum("nk,n->k", (of_image > 0).double(), of_image.sum(1))
    frequency = counts[there] / where[there]
    ordered = frequency.sort().values
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    weights[there] = middle / frequency
    return weights


def expected(logits, truth, weighting="median", ignore=None):
    labels = truth.long()
    scored = torch.ones_like(labels, dtype=torch.bool) if ignore is None else labels != ignore
    weights = weights_of(labels, scored, logits.shape[1], weighting)
    rows = logits.double().movedim(1, -1)[scored]
    total = F.cross_entropy(rows, labels[scored], weights, reduction="sum")
    return (total / max(len(rows), 1)).to(logits.dtype)


def compare(student, *args, rtol=None, **parameters):
    got, wanted = student.balanced_cross_entropy(*args, **parameters), expected(*args, **parameters)
    assert_close(got, wanted, rtol)


def batch(rng, images=2, classes=3, rows=5, columns=6, dtype=torch.float32, scale=1.5):
    """Logits and a truth in which classes have unlike numbers of pixels, the last ones not in every image.

    The truth is the same in every draw, as weights are: whether another rule shows in them is not left to luck.
    """
    fixed = torch.Generator().manual_seed(SEED_OF_LABELS)
    truth = integers(fixed, 0, classes, 2, images, rows, columns).amin(0)
    if truth.numel() >= 2 * classes:
        truth.view(-1)[:classes] = torch.arange(classes)
    if images > 1 and classes > 2:
        truth[1] = truth[1].clamp(max=classes - 2)
    return normal(rng, images, classes, rows, columns, dtype=dtype) * scale, truth


@pytest.mark.points(2)
def test_without_weights(student, rng):
    "The cost of a pixel is minus the logarithm of the true class's softmax probability, and the loss is their mean."
    for images, classes, rows, columns in ((1, 3, 5, 6), (1, 4, 3, 3), (1, 2, 1, 7)):
        compare(student, *batch(rng, images, classes, rows, columns), "none")


@pytest.mark.points(2)
def test_mean_over_pixels(student, rng):
    "The costs of all pixels are added up and divided by the number of pixels, not by that of images."
    logits, truth = batch(rng, images=3)
    compare(student, logits, truth, "none")
    truth[0, 1:] = 255
    compare(student, logits, truth, "none", 255)


@pytest.mark.points(2)
def test_inverse_weights(student, rng):
    "By `inverse` a weight is the number of pixels over the number of classes present times the class's pixels."
    compare(student, *batch(rng, images=1), "inverse")
    compare(student, *batch(rng, images=3, classes=4), weighting="inverse")


@pytest.mark.points(2)
def test_median_weights(student, rng):
    "By `median` a weight is the median frequency over the class's own; the loss is divided by the number of pixels."
    compare(student, *batch(rng, images=1, classes=5, rows=7), "median")
    compare(student, *batch(rng, images=1, classes=3), weighting="median")


@pytest.mark.points(2)
def test_frequency_in_images_that_contain_the_class(student, rng):
    "A class's frequency is its share of the pixels in the images that contain it, and not in all images."
    logits, truth = batch(rng, images=3, classes=3)
    truth[0], truth[1] = truth[0].clamp(max=0), truth[1].clamp(max=1)
    truth[1, 0, 0], truth[2, 0, :3] = 1, torch.arange(3)
    compare(student, logits, truth, "median")
    compare(student, normal(rng, 3, 2, 1, 1), torch.tensor([0, 0, 1]).view(3, 1, 1), "median")


def test_median_of_an_even_number(student, rng):
    "With an even number of classes present the median is the mean of the two in the middle."
    for classes in (2, 4, 6):
        compare(student, *batch(rng, 1, classes, 9, 8), "median")


def test_median_is_the_default(student, rng):
    "Where no rule is given it is `median`."
    compare(student, *batch(rng, images=2, classes=5))


@pytest.mark.points(2)
def test_classes_that_are_not_present(student, rng):
    "A class without true pixels takes no part in the weights, neither in a number of classes nor in a median."
    for weighting in ("inverse", "median"):
        _, truth = batch(rng, 1, 3, 7, 6)
        compare(student, normal(rng, 1, 8, 7, 6), 2 * truth + 1, weighting)


@pytest.mark.points(2)
def test_ignored_pixels_do_not_count(student, rng):
    "An ignored pixel has no cost, and is in no number by which something is divided."
    for ignore in (255, -1, 0, 2):
        logits, truth = batch(rng)
        truth[:, 1:3, 2:5] = ignore
        compare(student, logits, truth, "none", ignore)
    logits, truth = batch(rng, classes=1)
    truth[:, 1:3, 2:5] = 255
    compare(student, logits, truth, "none", 255)


@pytest.mark.points(2)
def test_ignored_pixels_have_no_part_in_the_weights(student, rng):
    "The weights count only pixels that are not ignored, in a class, in an image and in all."
    for weighting in ("inverse", "median"):
        for ignore, classes in ((255, 3), (0, 4)):
            logits, truth = batch(rng, images=3, classes=classes)
            truth[0, :3], truth[1, 2:4, 2:5] = ignore, ignore
            compare(student, logits, truth, weighting, ignore=ignore)


def test_anything_at_ignored_pixels(student, rng):
    "The logits of an ignored pixel may be NaN or infinite, and the loss does not show it."
    for value in (torch.nan, torch.inf, -torch.inf, 1e38):
        logits, truth = batch(rng)
        truth[0, 1:3, 2:5] = 9
        logits[0, :, 2, 2:4], logits[0, 1, 1, 2] = value, value
        compare(student, logits, truth, "none", ignore=9)


def test_no_pixel_counts(student, rng):
    "Where no pixel counts the loss is 0, by every rule and in every dtype."
    logits, truth = batch(rng)
    for weighting in RULES:
        compare(student, logits, torch.full_like(truth, 255), weighting, 255)
        compare(student, logits.half(), torch.full_like(truth, 255), weighting, 255)
        compare(student, logits[:0], truth[:0], weighting)


def test_an_image_without_pixels_that_count(student, rng):
    "An image in which every pixel is ignored changes nothing for the others."
    logits, truth = batch(rng, images=3)
    truth[2] = 255
    for weighting in RULES:
        compare(student, logits, truth, weighting, 255)


def test_nothing_is_ignored_unless_asked(student, rng):
    "Without `ignore` every label counts, also the one that other data sets ignore."
    truth = torch.tensor([0, 1, 4, 5, 2]).repeat(4).view(1, 4, 5) + 250
    compare(student, normal(rng, 1, 256, 4, 5), truth, "none")


def test_labels_of_any_integer_dtype(student, rng):
    "The truth may have any integer dtype, and a number to ignore that it cannot hold is in no pixel."
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        logits, truth = batch(rng)
        compare(student, logits, truth.to(dtype))
    _, truth = batch(rng)
    compare(student, normal(rng, 2, 256, 5, 6), (255 - truth).to(torch.uint8), ignore=-1)


@pytest.mark.points(2)
def test_large_logits(student, rng):
    "The exponential of a large logit is infinite and that of a small one 0: the loss is right all the same."
    for scale in (1e2, 1e4, 1e30):
        for weighting in RULES:
            compare(student, *batch(rng, scale=scale), weighting)
    logits, truth = batch(rng)
    compare(student, logits - 1e4, truth, "none", rtol=1e-2)
    compare(student, logits.double() * 1e200, truth, "none")


def test_pixels_of_unlike_size(student, rng):
    "The logits of one pixel may be large and those of another small: each pixel is normalised by itself."
    logits, truth = batch(rng, dtype=torch.float64)
    logits[0, :, 0] += 1000.0
    logits[1, :, 2] -= 1000.0
    compare(student, logits, truth, "none")


@pytest.mark.points(2)
def test_excluded_classes(student, rng):
    "A logit of −∞ excludes a class; where another is the true one the loss stays finite."
    logits, truth = batch(rng)
    truth[:, :2] = truth[:, :2].clamp(min=1)
    logits[:, 0, :2] = -torch.inf
    for weighting in RULES:
        compare(student, logits, truth, weighting)


def gradients_agree(student, logits, truth, *args):
    assert_close(student.balanced_cross_entropy(logits, truth, *args), expected(logits, truth, *args))
    leaf = logits.double().requires_grad_()
    (wanted,) = torch.autograd.grad(expected(leaf, truth, *args), leaf)
    upstream = torch.ones((), dtype=logits.dtype)
    (gradient,) = student.balanced_cross_entropy.gradients(logits, truth, *args, upstream=upstream)
    if gradient is None:
        raise Failure("the result does not depend on the logits, as autograd sees it")
    largest = float(wanted.abs().max())
    assert_close(gradient, wanted.to(logits.dtype), atol=largest * (1e-10 if logits.dtype == torch.float64 else 1e-5))


@pytest.mark.points(2)
def test_gradients(student, rng):
    "Once values are right, autograd should find the gradient of the logits, by every rule: nothing may detach them."
    for weighting in RULES:
        gradients_agree(student, *batch(rng, images=2, classes=5), weighting)
    gradients_agree(student, *batch(rng, dtype=torch.float64), "none")


def test_gradients_beside_ignored_pixels(student, rng):
    "Once values are right, an ignored pixel has a gradient of 0, also where it holds NaN, and the others have theirs."
    logits, truth = batch(rng)
    truth[0, 1:3, 2:5] = 9
    gradients_agree(student, logits, truth, "median", 9)
    logits[0, :, 2, 3], logits[0, 1, 2, 2] = torch.nan, torch.inf
    gradients_agree(student, logits, truth, "median", 9)


def test_gradients_of_large_logits(student, rng):
    "Once values are right for large logits, their gradients should be: nothing may be cut off or become NaN."
    gradients_agree(student, *batch(rng, scale=1e4), "none")
    logits, truth = batch(rng)
    truth[:, :2] = truth[:, :2].clamp(min=1)
    logits[:, 0, :2] = -torch.inf
    gradients_agree(student, logits, truth, "none")


def test_gradients_where_no_pixel_counts(student, rng):
    "Where no pixel counts the loss is 0, and no gradient may be NaN."
    logits, truth = batch(rng)
    logits[0, 0, 0, 0] = torch.nan
    void = torch.full_like(truth, 255)
    for weighting in RULES:
        assert_close(student.balanced_cross_entropy(logits, void, weighting, 255), torch.tensor(0.0))
        (gradient,) = student.balanced_cross_entropy.gradients(logits, void, weighting, 255, upstream=torch.ones(()))
        if gradient is not None and not (gradient == 0).all():
            raise Failure("the gradient is not 0")


def test_double_precision(student, rng):
    "In float64 the loss should be float64 and right to its last digits, and so should the weights."
    for weighting in RULES:
        compare(student, *batch(rng, classes=5, dtype=torch.float64), weighting)


def test_half_precision(student, rng):
    "The loss of logits in float16 is float16, and sums over the pixels may be too large for that: use float32 inside."
    for weighting in RULES:
        compare(student, *batch(rng, dtype=torch.float16), weighting)
    compare(student, *batch(rng, 1, 3, 300, 290, torch.float16), "none")
    logits, truth = batch(rng, 1, 3, 20, 21, torch.float16, scale=6000)
    compare(student, logits, truth, "none")
    logits[0, :, 0, 1] = torch.tensor([5e4, -5e4, 0.0])  # of class 1, where the difference is too large for float16
    compare(student, logits, truth, "none")


def test_ones_everywhere(student, rng):
    "One image, one row, one column or one class are still axes of length one and should not disappear."
    for images, classes, rows, columns in ((1, 3, 1, 7), (3, 3, 7, 1), (2, 1, 3, 3), (1, 2, 1, 1)):
        for weighting in RULES:
            compare(student, *batch(rng, images, classes, rows, columns), weighting)


def test_hundreds_of_classes(student, rng):
    "There may be hundreds of classes, and each that is present counts."
    for weighting in RULES:
        compare(student, *batch(rng, 2, 300, 20, 21), weighting)


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    logits, truth = batch(rng)
    compare(student, scattered(logits), scattered(truth))
    compare(student, logits.mT, truth.mT)
    compare(student, logits[:1].expand(2, 3, 5, 6), truth[:, :1].expand(2, 5, 6))
    compare(student, logits.contiguous(memory_format=torch.channels_last), truth, "inverse")


def test_leaves_its_inputs_alone(student, rng):
    "Logits and truth should be afterwards what they were before, whatever the dtype and with pixels to ignore."
    for dtype in (torch.float32, torch.float64, torch.float16):
        for weighting in RULES:
            logits, truth = batch(rng, dtype=dtype)
            assert_untouched(student.balanced_cross_entropy, logits, truth, weighting)
        truth[0, 1] = 99
        assert_untouched(student.balanced_cross_entropy, logits, truth, "median", 99)


def test_refuses_other_rules(student, rng):
    "A rule that does not exist should raise a ValueError."
    logits, truth = batch(rng)
    student.balanced_cross_entropy(logits, truth, "none")  # so refusing everything does not pass
    for weighting in ("", "mean", "balanced", "Median", "inverted"):
        assert_refuses(student.balanced_cross_entropy, logits, truth, weighting)


@pytest.mark.points(2)
def test_refuses_labels_outside(student, rng):
    "A label that is not ignored and is below 0 or above K − 1 should raise a ValueError."
    logits, truth = batch(rng)
    student.balanced_cross_entropy(logits, truth, "none")
    for label in (3, -1, 255, 2**32 + 1):
        outside = truth.clone()
        outside[1, 2, 3] = label
        assert_refuses(student.balanced_cross_entropy, logits, outside, "none")
        outside[0, 0, 0] = 9
        assert_refuses(student.balanced_cross_entropy, logits, outside, "none", 9)


def test_refuses_shapes_that_do_not_fit(student, rng):
    "Logits (N, K, H, W) ask for a truth (N, H, W): any other shape should raise a ValueError, never broadcast."
    logits, truth = batch(rng, images=2, rows=4)
    student.balanced_cross_entropy(logits, truth, "none")
    for other in (truth[:1], truth[0], truth[:, :1], truth[..., :2], truth.mT, truth[:, None], truth.flatten(1)):
        assert_refuses(student.balanced_cross_entropy, logits, other, "none")
    assert_refuses(student.balanced_cross_entropy, logits[0], truth, "none")
    assert_refuses(student.balanced_cross_entropy, logits[:, :, 0], truth[:, 0], "none")
    assert_refuses(student.balanced_cross_entropy, logits[..., None], truth[..., None], "none")


def test_refuses_floating_point_labels(student, rng):
    "Labels of a floating-point dtype should raise a ValueError."
    logits, truth = batch(rng)
    student.balanced_cross_entropy(logits, truth, "none")
    for dtype in (torch.float32, torch.float64):
        try:
            assert_refuses(student.balanced_cross_entropy, logits, truth.to(dtype), "none")
        except NotImplementedError:  # PyTorch's own, of an operator for integers: no function that is not written
            raise Failure("it should raise ValueError, and it raised another error") from None


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [(*batch(rng, 1, 3, 5, 6), "none"), batch(rng, 2, 13, 2, 3)]  # with more classes than pixels
    large = [batch(rng, 9, 13, 11, 12), batch(rng, 2, 3, 40, 41)]
    assert_right_when_large(student.balanced_cross_entropy, expected, small[:1], [(*call, "none") for call in large])
    assert_right_when_large(student.balanced_cross_entropy, expected, small[1:], large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, classes, rows or columns: look for a loop, also a hidden one."
    shapes = [(5000, 2, 1, 2), (1, 1500, 2, 2), (1, 2, 5000, 1), (1, 2, 1, 5000)]
    long = [lambda shape=shape: batch(rng, *shape) for shape in shapes]
    loop_free(student.balanced_cross_entropy, lambda n: batch(rng, n, n + 1, 4, 5), expected, (3, 5, 8), long)
    inverse = lambda n: (*batch(rng, n, n, 4, 5), "inverse", 1)  # noqa: E731
    loop_free(student.balanced_cross_entropy, inverse, expected, (3, 5, 8))
    loop_free(student.balanced_cross_entropy, lambda n: batch(rng, 2, 3, n, n + 3), expected, (4, 9, 17))
