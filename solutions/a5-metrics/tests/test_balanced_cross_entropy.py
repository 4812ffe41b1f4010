"""What `check("balanced_cross_entropy")` tries."""

import math
import statistics

import pytest
import torch

from autograder.suite import Failure, assert_close, assert_refuses, integers, loop_free, normal


def class_weights(truth, classes, weighting, ignore):
    known = truth[truth != ignore] if ignore is not None else truth.flatten()
    counts = [int((known == k).sum()) for k in range(classes)]
    there = [k for k in range(classes) if counts[k]]
    if weighting == "none" or not there:
        return [1.0] * classes
    if weighting == "inverse":
        return [len(known) / (len(there) * n) if n else 0.0 for n in counts]
    share = {}
    for k in there:
        images = [image for image in truth if ignore != k and (image == k).any()]
        share[k] = counts[k] / sum(int((image != (-9 if ignore is None else ignore)).sum()) for image in images)
    middle = statistics.median(share.values())
    return [middle / share[k] if k in share else 0.0 for k in range(classes)]


def definition(logits, truth, weighting="median", ignore=None):
    """Pixels one beside the other; the weights class by class."""
    weights = torch.tensor(class_weights(truth, logits.shape[1], weighting, ignore), dtype=torch.float64)
    known = truth != ignore if ignore is not None else torch.ones_like(truth, dtype=torch.bool)
    rows, labels = logits.double().movedim(1, -1)[known], truth[known]
    largest = rows.amax(1, keepdim=True)
    costs = (rows - largest).exp().sum(1).log() + largest[:, 0] - rows.gather(1, labels[:, None])[:, 0]
    return ((costs * weights[labels]).sum() / max(len(labels), 1)).to(logits.dtype)


def compare(student, *args, **parameters):
    assert_close(student.balanced_cross_entropy(*args, **parameters), definition(*args, **parameters))


EXAMPLE = torch.zeros(2, 2, 1, 2), torch.tensor([[[0, 0]], [[0, 1]]])


def test_the_example(student):
    "The example of the text, by all three rules: the weighted costs are divided by the number of pixels."
    for weighting, factor in (("none", 1), ("inverse", 1), ("median", 15 / 16)):
        got = student.balanced_cross_entropy(*EXAMPLE, weighting)
        assert_close(got, torch.tensor(factor * math.log(2)))


def test_without_weights_by_example(student, rng):
    "Without weights it is the mean over pixels of minus the logarithm of the true class's probability."
    compare(student, normal(rng, 2, 3, 4, 5), integers(rng, 0, 3, 2, 4, 5), "none")


def test_weights(student, rng):
    "Weights by both rules, with a class that is not present, and one that is only in some images."
    truth = integers(rng, 0, 3, 3, 4, 5)
    truth[0] = truth[0].clamp(max=1)
    for weighting in ("inverse", "median"):
        compare(student, normal(rng, 3, 4, 4, 5), truth, weighting)


def test_ignored_pixels(student, rng):
    "An ignored pixel is counted nowhere, neither in the weights nor in the mean, and may hold NaN."
    logits, truth = normal(rng, 2, 3, 4, 4), integers(rng, 0, 3, 2, 4, 4)
    truth[0, 1:, 1:3] = 255
    truth[1] = truth[1].clamp(max=1)
    logits[0, :, 2, 2] = torch.nan
    for weighting in ("none", "inverse", "median"):
        compare(student, logits, truth, weighting, 255)
    got = student.balanced_cross_entropy(logits, torch.full_like(truth, 255), ignore=255)
    assert_close(got, torch.tensor(0.0))


def test_large_logits_by_example(student, rng):
    "A logit of ten thousand has an exponential that no dtype holds; the loss is right all the same."
    logits = normal(rng, 1, 3, 4, 4) * 1e4
    compare(student, logits, integers(rng, 0, 3, 1, 4, 4), "none")


def test_excluded_classes_by_example(student, rng):
    "A class that is not the true one may have the logit −∞, and the loss is finite."
    logits, truth = normal(rng, 1, 3, 4, 4), integers(rng, 0, 2, 1, 4, 4)
    logits[:, 2, 1:] = -torch.inf
    compare(student, logits, truth)


def test_autograd_gets_through(student, rng):
    "Once values are right, autograd should reach the logits through your code."
    logits, truth = normal(rng, 2, 3, 3, 4), integers(rng, 0, 3, 2, 3, 4)
    compare(student, logits, truth)
    leaf = logits.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(definition(leaf, truth), leaf)
    (gradient,) = student.balanced_cross_entropy.gradients(logits, truth, upstream=torch.tensor(1.0))
    if gradient is None:
        raise Failure("the result does not depend on the logits, as autograd sees it")
    assert_close(gradient, wanted, atol=1e-7)


def test_refusals(student):
    "Another rule, shapes that do not fit, floating-point labels and labels outside should raise a ValueError."
    logits, truth = EXAMPLE
    compare(student, logits, truth)  # so refusing everything does not pass
    for call in (
        *((logits, truth, "mean"), (logits, truth[:1]), (logits, truth[0]), (logits, truth.float())),
        *((logits, truth + 1), (logits, truth - 1)),
    ):
        assert_refuses(student.balanced_cross_entropy, *call)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, pixels or classes: look for a loop over one of them."
    make = lambda n: (normal(rng, n, n, n + 1, 2 * n), integers(rng, 0, n, n, n + 1, 2 * n))  # noqa: E731
    loop_free(student.balanced_cross_entropy, make, definition, (2, 4, 6))
