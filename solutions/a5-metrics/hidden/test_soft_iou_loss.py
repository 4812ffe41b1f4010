"""Hidden suite: the soft IoU loss and its gradient, against autograd through the definition in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Failure,
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    normal,
    scattered,
)

LOSS, GRADIENT = 0, 1


def expected(logits, truth, ignore=None):
    labels, classes = truth.long(), logits.shape[1]
    scored = torch.ones_like(labels, dtype=torch.bool) if ignore is None else labels != ignore
    # Pixels in rows: those that are ignored are left out before anything is computed.
    rows = logits.double().movedim(1, -1)[scored].requires_grad_()
    p, y = rows.softmax(1), F.one_hot(labels[scored], classes).double()
    there = y.any(0)
    p, y = p[:, there], y[:, there]
    both = (p * y).sum(0)
    shares = both / (p.sum(0) + y.sum(0) - both)
    loss = 1 - shares.mean() if there.any() else rows.sum() * 0
    gradient = torch.zeros(logits.shape, dtype=torch.float64).movedim(1, -1)
    gradient[scored] = torch.autograd.grad(loss, rows)[0]
    return loss.detach().to(logits.dtype), gradient.movedim(-1, 1).to(logits.dtype)


def compare(student, which, *args, rtol=None, floor=0.0, **parameters):
    got, wanted = student.soft_iou_loss(*args, **parameters), expected(*args, **parameters)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of the loss and its gradient", got, wanted)
    for index in which:
        # The gradient of one pixel is small, and small beside it is what rounding leaves.
        largest = float(wanted[index].double().abs().max()) if wanted[index].numel() else 0.0
        small = {torch.float16: 4e-3, torch.float32: 1e-5}.get(wanted[index].dtype, 1e-10)
        step = 1.2e-7 if wanted[index].dtype == torch.float16 else 1e-12  # float16 has no numbers between 0 and 6e-8
        assert_close(got[index], wanted[index], rtol, atol=small * largest + max(step, floor))


def batch(rng, images=2, classes=3, rows=5, columns=6, dtype=torch.float32, scale=1.5):
    """Logits and a truth that contains each class."""
    truth = integers(rng, 0, classes, images, rows, columns)
    if truth.numel() >= classes:
        truth.view(-1)[:classes] = torch.arange(classes)
    return normal(rng, images, classes, rows, columns, dtype=dtype) * scale, truth


@pytest.mark.points(2)
def test_loss(student, rng):
    "Add up intersections and unions over the pixels, divide for each class, and take one minus the classes' mean."
    compare(student, [LOSS], *batch(rng, images=1))


@pytest.mark.points(2)
def test_softmax_over_classes(student, rng):
    "The probabilities of a pixel's classes add up to one, in maps of any shape."
    for images, classes, rows, columns in ((1, 4, 3, 3), (1, 3, 3, 7), (1, 2, 6, 1)):
        compare(student, [LOSS], *batch(rng, images, classes, rows, columns, scale=3.0))


@pytest.mark.points(2)
def test_all_images_count_as_one(student, rng):
    "Sums run over the pixels of all images before anything is divided: no mean of the images' losses."
    logits, truth = batch(rng, images=3)
    truth[0] = truth[0].clamp(max=1)
    compare(student, [LOSS], logits, truth)


@pytest.mark.points(2)
def test_classes_that_are_not_present(student, rng):
    "The mean is over the classes that the truth contains: others add nothing, and do not count in the number either."
    logits, truth = batch(rng, images=1, classes=3)
    compare(student, [LOSS], normal(rng, 1, 6, 5, 6), truth + 1)
    compare(student, [LOSS], logits, torch.full_like(truth, 1))


@pytest.mark.points(4)
def test_gradient(student, rng):
    "The gradient of the logits: the quotient rule with both of its terms, then the softmax of all classes."
    compare(student, [GRADIENT], *batch(rng, images=1))
    compare(student, [GRADIENT], *batch(rng, 1, 4, 3, 4))


@pytest.mark.points(2)
def test_gradient_of_a_batch(student, rng):
    "With several images the gradient still is that of one loss over all pixels."
    compare(student, [GRADIENT], *batch(rng, images=3))
    compare(student, [GRADIENT], *batch(rng, images=2, classes=2))


@pytest.mark.points(2)
def test_gradient_where_classes_are_not_present(student, rng):
    "A class without true pixels has no quotient, but its logits have a gradient by the softmax of the others."
    _, truth = batch(rng, images=2, classes=3)
    compare(student, [GRADIENT], normal(rng, 2, 6, 5, 6), truth + 1)
    compare(student, [GRADIENT], normal(rng, 2, 3, 5, 6), torch.full_like(truth, 2))
    logits = normal(rng, 2, 4, 5, 6)
    logits[:, 3] = -torch.inf  # neither true nor probable: 0/0
    compare(student, [GRADIENT], logits, truth)


def test_gradient_of_wrong_and_right_pixels(student, rng):
    "Where the network is sure, right or wrong, the gradient becomes small, and does so exactly."
    logits, truth = batch(rng, images=1, scale=6.0)
    compare(student, [LOSS, GRADIENT], logits, truth)


@pytest.mark.points(2)
def test_ignored_pixels_do_not_count(student, rng):
    "A pixel whose truth is `ignore` is in no sum, neither with its label nor with its probabilities."
    for ignore in (255, -1, 0, 2):
        logits, truth = batch(rng)
        truth[:, 1:3, 2:5] = ignore
        compare(student, [LOSS], logits, truth, ignore)
        compare(student, [LOSS], logits, truth, ignore=ignore)
    logits, truth = batch(rng, classes=1)
    truth[:, 1:3, 2:5] = 255
    compare(student, [LOSS], logits, truth, 255)


@pytest.mark.points(2)
def test_gradient_of_ignored_pixels(student, rng):
    "An ignored pixel has a gradient of 0, and the others have theirs."
    for ignore in (255, 0):
        logits, truth = batch(rng)
        truth[:, 1:3, 2:5] = ignore
        compare(student, [GRADIENT], logits, truth, ignore)


def test_anything_at_ignored_pixels(student, rng):
    "The logits of an ignored pixel may be NaN or infinite, and neither loss nor gradient shows it."
    for value in (torch.nan, torch.inf, -torch.inf, 1e38):
        logits, truth = batch(rng)
        truth[0, 1:3, 2:5] = 9
        logits[0, :, 2, 2:4] = value
        logits[0, 1, 1, 2] = value
        compare(student, [LOSS, GRADIENT], logits, truth, ignore=9)


def test_no_pixel_counts(student, rng):
    "Where no pixel counts the loss is 0, and so is the gradient everywhere."
    logits, truth = batch(rng)
    compare(student, [LOSS, GRADIENT], logits, torch.full_like(truth, 255), ignore=255)
    compare(student, [LOSS, GRADIENT], logits[:0], truth[:0])
    compare(student, [LOSS, GRADIENT], logits.double(), torch.full_like(truth, -1), ignore=-1)


def test_nothing_is_ignored_unless_asked(student, rng):
    "Without `ignore` every label counts, also the one that other data sets ignore."
    truth = integers(rng, 250, 256, 1, 4, 5)
    compare(student, [LOSS, GRADIENT], normal(rng, 1, 256, 4, 5), truth)


def test_labels_of_any_integer_dtype(student, rng):
    "The truth may have any integer dtype."
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        logits, truth = batch(rng)
        compare(student, [LOSS, GRADIENT], logits, truth.to(dtype))
    _, truth = batch(rng, classes=2)
    compare(student, [LOSS, GRADIENT], normal(rng, 2, 256, 5, 6), (truth * 255).to(torch.uint8), ignore=-1)


def test_double_precision(student, rng):
    "In float64 loss and gradient should be float64 and right to their last digits."
    compare(student, [LOSS, GRADIENT], *batch(rng, dtype=torch.float64))
    logits, truth = batch(rng, dtype=torch.float64)
    truth[0, 0] = 77
    compare(student, [LOSS, GRADIENT], logits, truth, ignore=77)


def test_half_precision(student, rng):
    "Loss and gradient of logits in float16 are float16."
    compare(student, [LOSS, GRADIENT], *batch(rng, dtype=torch.float16))


def test_sums_in_half_precision(student, rng):
    "A sum over the pixels may be too large for float16, or lose its small terms: compute in float32."
    compare(student, [LOSS, GRADIENT], *batch(rng, 1, 2, 300, 290, torch.float16), rtol=2e-2)


@pytest.mark.points(2)
def test_large_logits(student, rng):
    "Large logits give probabilities of 0 and 1, and neither loss nor gradient becomes NaN or infinite."
    for scale in (1e2, 1e4, 1e30):
        # Where every probability is nearly 0 or 1 the gradient is no more than what rounding leaves of 1 − p.
        compare(student, [LOSS, GRADIENT], *batch(rng, scale=scale), floor=1e-8)
    logits, truth = batch(rng)
    compare(student, [LOSS], logits + 1e4 * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1), truth, rtol=1e-3)


def test_excluded_classes(student, rng):
    "A logit of −∞ excludes a class: its probability is 0, and so is its gradient."
    logits, truth = batch(rng)
    logits[:, 0, :2], truth[:, :2, 1:3] = -torch.inf, 0
    compare(student, [LOSS, GRADIENT], logits, truth)


def test_right_and_wrong_everywhere(student):
    "A prediction that is right everywhere has the loss 0, one that is wrong everywhere has 1."
    truth = torch.tensor([[[0, 1, 1], [2, 0, 2]]])
    sure = F.one_hot(truth, 3).movedim(-1, 1) * 200.0
    compare(student, [LOSS, GRADIENT], sure, truth)
    compare(student, [LOSS, GRADIENT], sure, (truth + 1) % 3)


def test_ones_everywhere(student, rng):
    "One image, one row, one column or one class are still axes of length one and should not disappear."
    for images, classes, rows, columns in ((1, 2, 1, 4), (3, 2, 4, 1), (2, 1, 3, 3), (1, 2, 1, 1)):
        compare(student, [LOSS, GRADIENT], *batch(rng, images, classes, rows, columns))


def test_hundreds_of_classes(student, rng):
    "There may be hundreds of classes, and each that is present counts."
    compare(student, [LOSS, GRADIENT], *batch(rng, 1, 300, 20, 21))


def test_inputs_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    logits, truth = batch(rng)
    compare(student, [LOSS, GRADIENT], scattered(logits), scattered(truth))
    compare(student, [LOSS, GRADIENT], logits.mT, truth.mT)
    compare(student, [LOSS, GRADIENT], logits[:1].expand(2, 3, 5, 6), truth[:, :1].expand(2, 5, 6))
    compare(student, [LOSS, GRADIENT], logits.contiguous(memory_format=torch.channels_last), truth)


def test_leaves_its_inputs_alone(student, rng):
    "Logits and truth should be afterwards what they were before, whatever the dtype and with pixels to ignore."
    for dtype in (torch.float32, torch.float64, torch.float16):
        logits, truth = batch(rng, dtype=dtype)
        assert_untouched(student.soft_iou_loss, logits, truth)
        truth[0, 1] = 99
        assert_untouched(student.soft_iou_loss, logits, truth, 99)


@pytest.mark.points(2)
def test_refuses_labels_outside(student, rng):
    "A label that is not ignored and is below 0 or above K − 1 should raise a ValueError."
    logits, truth = batch(rng)
    student.soft_iou_loss(logits, truth)  # so refusing everything does not pass
    for label in (3, -1, 255, 2**32 + 1):
        outside = truth.clone()
        outside[1, 2, 3] = label
        assert_refuses(student.soft_iou_loss, logits, outside)
        outside[0, 0, 0] = 9
        assert_refuses(student.soft_iou_loss, logits, outside, 9)


def test_refuses_shapes_that_do_not_fit(student, rng):
    "Logits (N, K, H, W) ask for a truth (N, H, W): any other shape should raise a ValueError, never broadcast."
    logits, truth = batch(rng, images=2, rows=4)
    student.soft_iou_loss(logits, truth)  # so refusing everything does not pass
    for other in (truth[:1], truth[0], truth[:, :1], truth[..., :2], truth.mT, truth[:, None], truth.flatten(1)):
        assert_refuses(student.soft_iou_loss, logits, other)
    assert_refuses(student.soft_iou_loss, logits[0], truth)
    assert_refuses(student.soft_iou_loss, logits[:, :, 0], truth[:, 0])
    assert_refuses(student.soft_iou_loss, logits[..., None], truth[..., None])


def test_refuses_floating_point_labels(student, rng):
    "Labels of a floating-point dtype should raise a ValueError."
    logits, truth = batch(rng)
    student.soft_iou_loss(logits, truth)  # so refusing everything does not pass
    for dtype in (torch.float32, torch.float64):
        try:
            assert_refuses(student.soft_iou_loss, logits, truth.to(dtype))
        except NotImplementedError:  # PyTorch's own, of an operator for integers: no function that is not written
            raise Failure("it should raise ValueError, and it raised another error") from None


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [batch(rng), batch(rng, 2, 4, 3, 4)]
    large = [batch(rng, 9, 13, 11, 12), batch(rng, 2, 3, 40, 41)]
    assert_right_when_large(student.soft_iou_loss, expected, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, classes, rows or columns: look for a loop, also a hidden one."
    shapes = [(5000, 2, 1, 2), (1, 3000, 2, 2), (1, 2, 5000, 1), (1, 2, 1, 5000)]
    long = [lambda shape=shape: batch(rng, *shape) for shape in shapes]
    loop_free(student.soft_iou_loss, lambda n: batch(rng, n, n + 1, 4, 5), expected, (3, 5, 8), long)
    loop_free(student.soft_iou_loss, lambda n: (*batch(rng, 2, 3, n, n + 3), 1), expected, (4, 9, 17))
