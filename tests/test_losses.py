"""Losses against their definitions, written as loops over pixels in float64, and against finite differences."""

import itertools
import math
import statistics

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from pixelwise import losses, metrics
from pixelwise.data import VOID

quick = settings(max_examples=40, deadline=None)
REGION = {"soft_iou": losses.soft_iou, "dice": losses.dice, "lovasz": losses.lovasz}
ALL = {"cross_entropy": losses.cross_entropy, "focal": losses.focal, **REGION}
each_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
each_region_loss = pytest.mark.parametrize("loss", REGION.values(), ids=REGION)


@st.composite
def batches(draw):
    """Logits (N, K, H, W) in float64 and labels (N, H, W): void, absent classes, one class, any size."""
    classes = draw(st.integers(1, 4))
    images, height, width = draw(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 5)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    logits = 3 * torch.randn(images, classes, height, width, generator=generator, dtype=torch.float64)
    labels = torch.randint(draw(st.integers(1, classes)), (images, height, width), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < draw(st.sampled_from([0, 0.3, 1]))] = VOID
    return logits, labels


def pixels(logits, labels):
    """The probabilities of all classes and the label of each scored pixel."""
    probabilities = logits.softmax(dim=1).movedim(1, -1).reshape(-1, logits.shape[1]).tolist()
    return [(p, y) for p, y in zip(probabilities, labels.flatten().tolist(), strict=True) if y != VOID]


def region_loss(of_class, logits, labels, classes, per_image):
    """The mean over classes, and over images if asked to, of a loss of one class: lists of p and of whether y."""
    means = []
    for part in [slice(n, n + 1) for n in range(len(labels))] if per_image else [slice(None)]:
        scored = pixels(logits[part], labels[part])
        counted = range(logits.shape[1]) if classes == "all" else sorted({y for _, y in scored})
        if scored:
            means.append(
                statistics.mean(of_class([p[c] for p, _ in scored], [y == c for _, y in scored]) for c in counted)
            )
    return statistics.mean(means) if means else 0.0


def soft_iou_of_class(smooth):
    def loss(p, y):
        shared, joined = (
            sum(a * b for a, b in zip(p, y, strict=True)),
            sum(a + b - a * b for a, b in zip(p, y, strict=True)),
        )
        return 1 - (shared + smooth) / (joined + smooth)

    return loss


def dice_of_class(smooth):
    def loss(p, y):
        shared, sizes = (
            sum(a * b for a, b in zip(p, y, strict=True)),
            sum(a * a + b * b for a, b in zip(p, y, strict=True)),
        )
        return 1 - (2 * shared + smooth) / (sizes + smooth)

    return loss


def jaccard_loss(y, wrong):
    """1 − IoU of a class whose true pixels are y, when the pixels in `wrong` are predicted wrongly."""
    true = {i for i, foreground in enumerate(y) if foreground}
    predicted = true ^ wrong
    return 1 - len(true & predicted) / len(true | predicted) if true | predicted else 0.0


def lovasz_of_class(p, y):
    errors = [abs(a - b) for a, b in zip(p, y, strict=True)]
    order = sorted(range(len(y)), key=lambda i: -errors[i])
    total, before = 0.0, 0.0
    for count, i in enumerate(order, 1):
        now = jaccard_loss(y, set(order[:count]))
        total, before = total + errors[i] * (now - before), now
    return total


@given(batches(), st.sampled_from([0, 0.5, 1, 2]), st.booleans())
@quick
def test_focal_loss_is_the_weighted_mean_of_its_formula_over_scored_pixels(batch, gamma, weighted):
    logits, labels = batch
    weight = torch.tensor([0.5, 2.0, 1.0, 0.0][: logits.shape[1]]) if weighted else None
    of = weight.tolist() if weighted else [1.0] * logits.shape[1]
    scored = pixels(logits, labels)
    total = sum(of[y] * (1 - p[y]) ** gamma * -math.log(p[y]) for p, y in scored)
    share = sum(of[y] for _, y in scored)
    found = losses.focal(logits, labels, gamma, weight)
    assert found.item() == pytest.approx(total / share if share else 0, rel=1e-9)


@given(batches(), st.booleans())
@quick
def test_cross_entropy_is_that_of_pytorch_where_a_pixel_is_scored_and_0_elsewhere(batch, weighted):
    logits, labels = batch
    weight = torch.tensor([0.5, 2.0, 1.0, 3.0][: logits.shape[1]], dtype=torch.float64) if weighted else None
    found = losses.cross_entropy(logits, labels, weight)
    if (labels != VOID).any():
        torch.testing.assert_close(found, F.cross_entropy(logits, labels, weight, ignore_index=VOID))
    else:
        assert found == 0


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("per_image", [False, True])
@given(batch=batches(), smooth=st.sampled_from([0, 1]))
@quick
def test_soft_iou_and_dice_are_quotients_of_sums_over_the_pixels_of_a_class(batch, smooth, classes, per_image):
    for loss, of_class in ((losses.soft_iou, soft_iou_of_class), (losses.dice, dice_of_class)):
        found = loss(*batch, classes=classes, per_image=per_image, smooth=smooth)
        assert found.item() == pytest.approx(region_loss(of_class(smooth), *batch, classes, per_image), abs=1e-9)


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("per_image", [False, True])
@given(batch=batches())
@quick
def test_lovasz_is_the_sum_of_sorted_errors_times_the_growth_of_the_jaccard_loss(batch, classes, per_image):
    found = losses.lovasz(*batch, classes=classes, per_image=per_image)
    assert found.item() == pytest.approx(region_loss(lovasz_of_class, *batch, classes, per_image), abs=1e-9)


@given(batches())
@quick
def test_on_hard_masks_soft_iou_and_lovasz_are_1_minus_the_mean_iou_of_the_true_classes(batch):
    logits, labels = batch
    prediction = logits.argmax(dim=1)
    hard = 1e4 * F.one_hot(prediction, logits.shape[1]).movedim(-1, 1).double()
    counts = metrics.confusion(prediction, labels, logits.shape[1])
    expected = 1 - metrics.mean_iou(counts, "skip-not-in-truth").nan_to_num(1)
    torch.testing.assert_close(losses.soft_iou(hard, labels), expected)
    torch.testing.assert_close(losses.lovasz(hard, labels), expected)
    each = metrics.iou(counts)
    dice = (2 * each / (1 + each))[counts.sum(-1) > 0]
    if len(dice):
        torch.testing.assert_close(losses.dice(hard, labels), 1 - dice.mean())


def test_lovasz_is_the_jaccard_loss_at_every_vertex_of_the_cube_of_errors():
    labels = torch.tensor([[[1, 1, 0, 0, 0]]])
    for wrong in itertools.product([False, True], repeat=5):
        predicted = labels ^ torch.tensor(wrong).reshape(1, 1, 5)
        logits = 1e4 * F.one_hot(predicted, 2).movedim(-1, 1).double()
        mistaken = {i for i, bad in enumerate(wrong) if bad}
        both = [jaccard_loss([label == c for label in [1, 1, 0, 0, 0]], mistaken) for c in (0, 1)]
        assert losses.lovasz(logits, labels).item() == pytest.approx(statistics.mean(both))


@each_loss
@pytest.mark.parametrize("void", [False, True])
def test_gradients_are_those_of_finite_differences(loss, void):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(2, (2, 2, 4))  # class 2 does not occur
    if void:
        labels[torch.rand(labels.shape) < 0.3] = VOID
    assert gradcheck(lambda x: loss(x, labels), [logits])


@each_region_loss
def test_gradients_are_those_of_finite_differences_under_the_other_conventions(loss):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(2, (2, 2, 3))
    assert gradcheck(lambda x: loss(x, labels, classes="all", per_image=True), [logits])


@each_loss
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 1, 3, 3)])
def test_where_all_is_void_the_loss_is_0_with_a_gradient_of_zeros(loss, shape):
    logits = torch.randn(shape, requires_grad=True)
    labels = torch.full((shape[0], *shape[2:]), VOID)
    options = (
        [{}, {"classes": "all"}, {"per_image": True}]
        if loss in REGION.values()
        else [{}, {"weight": torch.ones(shape[1])}]
    )
    for option in options:
        found = loss(logits, labels, **option)
        (gradient,) = torch.autograd.grad(found, logits)
        assert found == 0 and torch.equal(gradient, torch.zeros(shape))


@each_loss
def test_void_pixels_add_nothing_to_loss_or_gradient(loss):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 4, 6), torch.randint(3, (2, 4, 6))
    labels[..., 4:] = VOID
    whole, cropped = logits.clone().requires_grad_(), logits[..., :4].clone().requires_grad_()
    loss(whole, labels).backward()
    loss(cropped, labels[..., :4]).backward()
    torch.testing.assert_close(loss(whole, labels), loss(cropped, labels[..., :4]))
    torch.testing.assert_close(whole.grad[..., :4], cropped.grad)
    assert not whole.grad[..., 4:].any()


@each_region_loss
def test_an_image_that_is_void_does_not_count_among_images(loss):
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 2, 4, 4), torch.randint(2, (3, 4, 4))
    labels[1] = VOID
    kept = [0, 2]
    torch.testing.assert_close(loss(logits, labels, per_image=True), loss(logits[kept], labels[kept], per_image=True))


@each_loss
def test_a_perfect_prediction_costs_nothing_and_gradients_stay_finite_when_it_is_certain(loss):
    labels = torch.tensor([[[0, 1], [2, VOID]]])
    for scale in (1e2, 1e4):  # certain to rounding: p is exactly 0 or 1
        logits = (scale * F.one_hot(labels % 3, 3).movedim(-1, 1).float()).requires_grad_()
        found = loss(logits, labels)
        found.backward()
        assert found.item() == pytest.approx(0, abs=1e-6) and logits.grad.isfinite().all()
        logits.grad = None
        loss(-logits, labels).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_focal_gradients_are_finite_for_certain_pixels_under_every_gamma(gamma):
    logits = torch.tensor([[[[1e4, -1e4]], [[0.0, 0.0]]]], requires_grad=True)
    losses.focal(logits, torch.zeros(1, 1, 2, dtype=torch.long), gamma).backward()
    assert logits.grad.isfinite().all()


@each_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(loss, dtype):
    torch.manual_seed(0)
    logits = (4 * torch.randn(1, 3, 300, 300)).to(dtype)  # 90 000 pixels: their sum overflows in float16
    labels = torch.randint(3, (1, 300, 300))
    found = loss(logits, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(logits.double(), labels).float(), rtol=1e-4, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(loss(logits, labels), found)


def test_lovasz_keeps_the_differences_of_a_large_image():
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 2, 1000, 1000), (torch.rand(1, 1000, 1000) < 0.01).long()
    torch.testing.assert_close(
        losses.lovasz(logits, labels).double(), losses.lovasz(logits.double(), labels), rtol=1e-5, atol=0
    )


@each_region_loss
def test_a_region_loss_weighs_a_rare_class_like_a_frequent_one(loss):
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    labels[0, 0, 0] = 1  # one pixel in a hundred
    all_background = torch.stack([torch.full((10, 10), 50.0), torch.full((10, 10), -50.0)]).unsqueeze(0)
    assert loss(all_background, labels).item() > 0.5


@each_region_loss
def test_classes_all_counts_a_class_that_the_labels_do_not_contain(loss):
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 3, 4, 4), torch.randint(2, (1, 4, 4))
    present, absent = 2 * loss(logits, labels), 3 * loss(logits, labels, classes="all") - 2 * loss(logits, labels)
    expected = logits.softmax(dim=1)[:, 2].max().item() if loss is losses.lovasz else 1
    assert present > 0 and absent.item() == pytest.approx(expected, abs=1e-5)


def test_median_weights_are_those_of_a_data_set_counted_by_hand():
    labels = torch.tensor([[[0, 0, 0, 1]], [[0, 0, 0, 0]], [[2, 2, 0, VOID]]])
    # Shares of the pixels of images that contain the class: 8 of 11, 1 of 4, 2 of 3; class 3 does not occur.
    median = 2 / 3
    expected = [median / (8 / 11), median / (1 / 4), 1, 0]
    torch.testing.assert_close(losses.class_weights(labels, 4), torch.tensor(expected))


def test_under_balanced_weights_all_classes_weigh_the_same():
    torch.manual_seed(0)
    labels = torch.randint(9, (4, 8, 8)).clamp(max=2)
    labels[:, 0] = VOID
    weights = losses.class_weights(labels, 4, "balanced")
    pixels_of = torch.bincount(labels[labels != VOID], minlength=4)
    weighed = weights * pixels_of
    torch.testing.assert_close(weighed[:3], torch.full((3,), pixels_of.sum() / 3))
    assert weights[3] == 0


def test_class_weights_without_a_scored_pixel_are_zeros():
    for rule in ("median", "balanced"):
        assert losses.class_weights(torch.full((2, 3, 3), VOID), 3, rule).tolist() == [0, 0, 0]


def test_a_label_out_of_range_and_a_size_that_does_not_fit_are_errors():
    logits = torch.zeros(1, 3, 2, 2)
    for loss in ALL.values():
        with pytest.raises(ValueError, match="label 3, but the classes are 0 to 2"):
            loss(logits, torch.tensor([[[0, 1], [2, 3]]]))
        with pytest.raises(ValueError, match=r"\(1, 3, 2, 2\) and labels of the shape \(1, 2, 3\) do not fit"):
            loss(logits, torch.zeros(1, 2, 3, dtype=torch.long))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, y: losses.focal(x, y, gamma=-1), "γ is -1"),
        (lambda x, y: losses.dice(x, y, classes="some"), "classes='some'"),
        (lambda x, y: losses.class_weights(y, 2, "equal"), "rule='equal'"),
    ],
)
def test_an_option_that_does_not_exist_is_an_error(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
