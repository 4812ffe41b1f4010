"""What `check("soft_iou_loss")` tries."""

import pytest
import torch

from autograder.suite import Mismatch, assert_close, assert_refuses, integers, loop_free, normal


def definition(logits, truth, ignore=None):
    """Class by class, with the gradient by autograd in float64."""
    known = torch.ones_like(truth, dtype=torch.bool) if ignore is None else truth != ignore
    leaf = logits.double().where(known[:, None], 0).requires_grad_()
    p = leaf.exp() / leaf.exp().sum(1, keepdim=True)
    shares = []
    for k in range(logits.shape[1]):
        y = ((truth == k) & known).double()
        if y.any():
            q = p[:, k] * known
            shares.append((q * y).sum() / (q + y - q * y).sum())
    loss = 1 - sum(shares) / len(shares) if shares else leaf.sum() * 0
    (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.detach().to(logits.dtype), gradient.to(logits.dtype)


def compare(student, which, *args, **parameters):
    got, wanted = student.soft_iou_loss(*args, **parameters), definition(*args, **parameters)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of the loss and its gradient", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index], atol=1e-7)


def test_loss_of_the_example(student):
    "The example of the text: add up intersections and unions over the pixels, then divide."
    compare(student, [0], torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]))


def test_gradient_of_the_example(student):
    "The gradient of the example: first the quotient rule with both of its terms, then the softmax."
    compare(student, [1], torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]))


def test_random_logits(student, rng):
    "The softmax runs over the classes, and all images count as one."
    compare(student, [0, 1], normal(rng, 2, 3, 4, 5), integers(rng, 0, 3, 2, 4, 5))


def test_classes_that_are_not_present_by_example(student, rng):
    "A class without true pixels adds nothing to the loss; its logits have a gradient through the softmax."
    compare(student, [0, 1], normal(rng, 2, 5, 3, 4), integers(rng, 1, 3, 2, 3, 4))


def test_ignored_pixels(student, rng):
    "An ignored pixel counts nowhere, has a gradient of 0, and may hold NaN."
    logits, truth = normal(rng, 1, 3, 4, 4), integers(rng, 0, 3, 1, 4, 4)
    truth[0, 1:3, 1:3] = 255
    logits[0, :, 2, 2] = torch.nan
    compare(student, [0, 1], logits, truth, 255)
    compare(student, [0, 1], logits, torch.full_like(truth, 255), ignore=255)


def test_double_and_half(student, rng):
    "Loss and gradient have the dtype of the logits."
    logits, truth = normal(rng, 1, 2, 5, 6, dtype=torch.float64), integers(rng, 0, 2, 1, 5, 6)
    compare(student, [0, 1], logits, truth)
    compare(student, [0, 1], logits.half(), truth)


def test_sums_in_half_precision_by_example(student, rng):
    "In float16 the sums over the pixels of an image are larger than float16 can hold: compute in float32."
    logits, truth = normal(rng, 1, 2, 270, 280).half(), integers(rng, 0, 2, 1, 270, 280).clamp(max=0)
    truth[0, 0, 0] = 1
    compare(student, [0], logits, truth)


def test_large_logits_by_example(student, rng):
    "Logits of ten thousand have probabilities of 0 and 1, not NaN."
    logits, truth = normal(rng, 1, 2, 3, 3).sign() * 1e4, integers(rng, 0, 2, 1, 3, 3)
    by_smaller_ones = definition(logits.sign() * 300, truth)
    loss, _ = student.soft_iou_loss(logits, truth)
    assert_close(loss, by_smaller_ones[0])


def test_refusals(student, rng):
    "Shapes that do not fit, floating-point labels and labels outside should raise a ValueError."
    logits, truth = normal(rng, 2, 3, 2, 2), integers(rng, 0, 3, 2, 2, 2)
    compare(student, [0], logits, truth)  # so refusing everything does not pass
    for wrong in (truth[:1], truth[0], truth[:, :1], truth.float(), truth + 3, truth - 3):
        assert_refuses(student.soft_iou_loss, logits, wrong)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, pixels or classes: look for a loop over one of them."
    make = lambda n: (normal(rng, n, n, n + 1, 2 * n), integers(rng, 0, n, n, n + 1, 2 * n))  # noqa: E731
    loop_free(student.soft_iou_loss, make, definition, (2, 4, 6))
