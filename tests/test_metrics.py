"""Scores of segmentation against their definitions, pixel by pixel in float64, and against torchmetrics."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import metrics
from pixelwise.data import VOID

# isort: split
# torchmetrics imports torchvision, which pixelwise lets be imported beside a CPU-only torch.
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_jaccard_index,
)
from torchmetrics.functional.segmentation import mean_iou as torchmetrics_mean_iou

quick = settings(max_examples=60, deadline=None)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SCORES = [
    metrics.pixel_accuracy,
    metrics.class_accuracy,
    metrics.mean_class_accuracy,
    metrics.iou,
    metrics.mean_iou,
    metrics.frequency_weighted_iou,
]


@st.composite
def label_maps(draw, least_images=0):
    """A prediction and a truth (N, H, W) with void, a class that may be absent, any size; and the number of classes."""
    classes = draw(st.integers(1, 4))
    shape = draw(st.tuples(st.integers(least_images, 3), st.integers(1, 7), st.integers(1, 6)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    occurring = draw(st.integers(1, classes))
    prediction = torch.randint(occurring, shape, generator=generator)
    truth = torch.randint(classes, shape, generator=generator)
    # Half of the predictions are right, so that counts off the diagonal are not the rule.
    prediction = torch.where(torch.rand(shape, generator=generator) < 0.5, truth, prediction)
    share_void = draw(st.sampled_from([0, 0.2, 1]))
    truth[torch.rand(shape, generator=generator) < share_void] = VOID
    return prediction, truth, classes


def pixels(prediction, truth):
    """The (truth, prediction) of each pixel that is scored."""
    return [(t, p) for p, t in zip(prediction.flatten().tolist(), truth.flatten().tolist(), strict=True) if t != VOID]


def ratio(numerator, denominator):
    return numerator / denominator if denominator else math.nan


def iou_of_sets(one, other):
    return ratio(len(one & other), len(one | other))


def class_sets(scored, c):
    return {i for i, (t, _) in enumerate(scored) if t == c}, {i for i, (_, p) in enumerate(scored) if p == c}


def nanmean(values):
    known = [value for value in values if not math.isnan(value)]
    return ratio(sum(known), len(known))


def same(found, expected):
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), equal_nan=True)


@given(label_maps())
@quick
def test_a_confusion_counts_the_pixels_of_each_true_and_each_predicted_class(maps):
    prediction, truth, classes = maps
    counted = [[0] * classes for _ in range(classes)]
    for t, p in pixels(prediction, truth):
        counted[t][p] += 1
    found = metrics.confusion(prediction, truth, classes)
    assert found.dtype == torch.int64 and found.tolist() == counted


@given(label_maps())
@quick
def test_accuracies_are_shares_of_true_pixels_that_are_right(maps):
    prediction, truth, classes = maps
    scored, found = pixels(prediction, truth), metrics.confusion(prediction, truth, classes)
    of_class = [ratio(sum(p == t for t, p in scored if t == c), sum(t == c for t, _ in scored)) for c in range(classes)]
    same(metrics.pixel_accuracy(found), ratio(sum(p == t for t, p in scored), len(scored)))
    same(metrics.class_accuracy(found), of_class)
    same(metrics.mean_class_accuracy(found), nanmean(of_class))


@given(label_maps())
@quick
def test_iou_is_the_intersection_of_two_sets_of_pixels_over_their_union(maps):
    prediction, truth, classes = maps
    scored = pixels(prediction, truth)
    found = metrics.iou(metrics.confusion(prediction, truth, classes))
    same(found, [iou_of_sets(*class_sets(scored, c)) for c in range(classes)])


@given(label_maps())
@quick
def test_each_convention_of_the_mean_does_with_an_absent_class_what_its_name_says(maps):
    prediction, truth, classes = maps
    scored, found = pixels(prediction, truth), metrics.confusion(prediction, truth, classes)
    sets = [class_sets(scored, c) for c in range(classes)]
    each = [iou_of_sets(*both) for both in sets]
    same(metrics.mean_iou(found), nanmean(each))
    same(metrics.mean_iou(found, "skip"), nanmean(each))
    same(metrics.mean_iou(found, "zero"), sum(0 if math.isnan(x) else x for x in each) / classes)
    same(metrics.mean_iou(found, "one"), sum(1 if math.isnan(x) else x for x in each) / classes)
    of_true_classes = [score for score, (true, _) in zip(each, sets, strict=True) if true]
    same(metrics.mean_iou(found, "skip-not-in-truth"), nanmean(of_true_classes))


def test_the_four_conventions_differ_where_one_class_is_absent_and_another_only_predicted():
    truth, prediction = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 2, 1])  # of the classes 0 to 3
    counts = metrics.confusion(prediction, truth, 4)
    assert metrics.iou(counts).tolist()[:3] == [2 / 3, 1, 0] and metrics.iou(counts)[3].isnan()
    means = {absent: metrics.mean_iou(counts, absent).item() for absent in ("skip", "zero", "one", "skip-not-in-truth")}
    assert means == pytest.approx({"skip": 5 / 9, "zero": 5 / 12, "one": 8 / 12, "skip-not-in-truth": 5 / 6})


@given(label_maps())
@quick
def test_frequency_weighted_iou_weights_each_class_by_its_true_pixels(maps):
    prediction, truth, classes = maps
    scored = pixels(prediction, truth)
    total = 0.0
    for c in range(classes):
        true, predicted = class_sets(scored, c)
        total += len(true) * iou_of_sets(true, predicted) if true else 0
    same(metrics.frequency_weighted_iou(metrics.confusion(prediction, truth, classes)), ratio(total, len(scored)))


@given(label_maps(least_images=1), st.integers(0, 3))
@quick
def test_a_data_set_scored_in_parts_has_the_confusion_of_the_whole(maps, cut):
    prediction, truth, classes = maps
    for count in (metrics.confusion, metrics.boundary_confusion):
        parts = [count(prediction[some], truth[some], classes) for some in (slice(cut), slice(cut, None))]
        assert torch.equal(parts[0] + parts[1], count(prediction, truth, classes))


@given(label_maps())
@quick
def test_confusions_of_images_are_those_of_each_image_and_every_score_takes_them_at_once(maps):
    prediction, truth, classes = maps
    together = metrics.image_confusions(prediction, truth, classes)
    assert together.shape == (len(truth), classes, classes)
    assert torch.equal(together.sum(0), metrics.confusion(prediction, truth, classes))
    for counts, p, t in zip(together, prediction, truth, strict=True):
        assert torch.equal(counts, metrics.confusion(p, t, classes))
    for score in SCORES:
        alone = [score(counts) for counts in together]
        if alone:
            torch.testing.assert_close(score(together), torch.stack(alone), equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 4, 5), (0,), (3, 0, 2)])
def test_an_empty_batch_has_a_confusion_of_zeros_and_scores_that_are_not_a_number(shape):
    empty = torch.zeros(shape, dtype=torch.long)
    counts = metrics.confusion(empty, empty, 3)
    assert counts.shape == (3, 3) and not counts.any()
    for score in SCORES:
        assert score(counts).isnan().all()


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 2)])
def test_an_empty_batch_has_a_boundary_confusion_of_zeros(shape):
    empty = torch.zeros(shape, dtype=torch.long)
    assert metrics.boundary_confusion(empty, empty, 3).tolist() == [[0] * 4] * 4


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_any_integers_will_do_as_labels_also_where_they_are_too_narrow_for_the_void(dtype):
    truth = torch.tensor([[0, 1, 19], [19, 1, 0]], dtype=dtype)
    prediction = torch.tensor([[0, 1, 19], [1, 1, 1]], dtype=torch.uint8)
    for ignore in (VOID, -1):
        counts = metrics.confusion(prediction, truth, 20, ignore)
        assert counts.diagonal().tolist() == [1, 2] + [0] * 17 + [1] and counts.sum() == 6


@pytest.mark.parametrize("device", DEVICES)
def test_counts_stay_on_the_device_of_the_labels(device):
    truth = torch.tensor([[0, 1], [VOID, 1]], device=device)
    for counts in (metrics.confusion(truth, truth, 2), metrics.boundary_confusion(truth, truth, 2)):
        assert counts.device == truth.device
    assert metrics.confusion(truth, truth, 2).tolist() == [[1, 0], [0, 2]]


def test_what_is_predicted_on_void_does_not_matter():
    truth = torch.tensor([[0, VOID, 1, VOID]])
    for prediction in ([[0, 1, 1, 0]], [[0, VOID, 1, -7]]):
        assert metrics.confusion(torch.tensor(prediction), truth, 2).tolist() == [[1, 0], [0, 1]]
        assert metrics.boundary_iou(metrics.boundary_confusion(torch.tensor(prediction), truth, 2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("prediction", "truth", "sentence"),
    [
        ([0, 1, 2], [0, 1, 3], "The truth holds the label 3, but the classes are 0 to 2"),
        ([0, 1, 3], [0, 1, 2], "The prediction holds the label 3, but the classes are 0 to 2"),
        ([0, 1, VOID], [0, 1, 2], "The prediction holds the label 255, "),
        ([0, 1, -1], [0, 1, 2], "The prediction holds the label -1, "),
        ([0, 1], [0, 1, 2], r"shape \(2,\) and the truth \(3,\)"),
        ([0.0, 1.0, 0.5], [0, 1, 2], "The prediction holds float32 numbers, not integer labels"),
    ],
)
def test_labels_that_cannot_be_scored_are_an_error_that_names_them(prediction, truth, sentence):
    for count in (metrics.confusion, metrics.image_confusions):
        with pytest.raises(ValueError, match=sentence):
            count(torch.tensor(prediction), torch.tensor(truth), 3)


def test_an_unknown_convention_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"absent='drop' is no convention.*: use skip, zero, one, skip-not-in-truth"):
        metrics.mean_iou(torch.eye(2).long(), "drop")


# Along contours -------------------------------------------------------------------------------------------------------


def distance(a, b):
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def places(shape):
    return list(itertools.product(range(shape[0]), range(shape[1])))


def band(labels, void, c, width):
    """The places of class c within `width` of a place of another class that is not void, or outside the image."""
    height, length = labels.shape
    around = itertools.product(range(-width, height + width), range(-width, length + width))
    inside = set(places(labels.shape))
    others = [at for at in around if at not in inside or (not void[at] and labels[at] != c)]
    mine = (at for at in inside if not void[at] and labels[at] == c)
    return {at for at in mine if any(distance(at, other) <= width for other in others)}


@given(label_maps(least_images=1), st.integers(1, 3))
@quick
def test_boundary_iou_is_the_iou_of_the_bands_along_the_contours_of_each_mask(maps, width):
    prediction, truth, classes = maps
    void = truth == VOID
    expected, per_image = [], []
    for c in range(classes):
        bands = [[band(one[n], void[n], c, width) for one in (prediction, truth)] for n in range(len(truth))]
        per_image.append([iou_of_sets(*both) for both in bands])
        shared, joined = (sum(len(f(*both)) for both in bands) for f in (set.intersection, set.union))
        expected.append(ratio(shared, joined))
    same(metrics.boundary_iou(metrics.boundary_confusion(prediction, truth, classes, width)), expected)
    same(metrics.mean_boundary_iou(metrics.boundary_confusion(prediction, truth, classes, width)), nanmean(expected))
    image_counts = metrics.image_boundary_confusions(prediction, truth, classes, width)
    same(metrics.boundary_iou(image_counts).T.contiguous(), per_image)


def test_a_band_of_width_1_is_the_mask_without_its_erosion_by_3x3():
    truth = torch.zeros(9, 9, dtype=torch.long)
    truth[2:7, 2:7] = 1
    counts = metrics.boundary_confusion(truth, truth, 2, width=1)
    assert counts[1, 1] == 5 * 5 - 3 * 3
    assert counts[0, 0] == (9 * 9 - 7 * 7) + (7 * 7 - 5 * 5)  # along the image's border and around the square
    assert counts[2, 2] == 3 * 3


def test_boundary_iou_falls_where_iou_hardly_sees_that_a_large_mask_is_shifted():
    rows = torch.arange(64)
    truth = ((rows > 8) & (rows < 56)).long() * ((rows > 8) & (rows < 56)).long()[:, None]
    shifted = truth.roll(2, dims=1)
    assert metrics.iou(metrics.confusion(shifted, truth, 2))[1] > 0.9
    assert metrics.boundary_iou(metrics.boundary_confusion(shifted, truth, 2, width=2))[1] < 0.6


def test_a_perfect_prediction_has_boundary_iou_1_whatever_it_says_on_void():
    truth = torch.tensor([[0, VOID, 1, 1], [0, VOID, VOID, 1]])
    prediction = truth.where(truth != VOID, torch.tensor([[0, 1, 0, 0], [1, 0, 1, 0]]))
    for width in (1, 2, 3):
        assert metrics.boundary_iou(metrics.boundary_confusion(prediction, truth, 2, width)).tolist() == [1, 1]


@pytest.mark.parametrize(("size", "width"), [((480, 360), 12), ((96, 96), 3), ((10, 10), 1)])
def test_the_width_without_another_is_2_percent_of_the_diagonal(size, width):
    assert metrics.boundary_width(*size) == width
    truth = torch.arange(size[1]).gt(size[1] // 2).long().expand(size)
    prediction = truth.roll(1, dims=1)
    default = metrics.boundary_confusion(prediction, truth, 2)
    assert torch.equal(default, metrics.boundary_confusion(prediction, truth, 2, width))
    assert not torch.equal(default, metrics.boundary_confusion(prediction, truth, 2, width + 1))


@given(label_maps(), st.integers(1, 3))
@quick
def test_a_trimap_keeps_the_truth_within_its_width_of_another_class_and_nothing_else(maps, width):
    _, truth, _ = maps
    found = metrics.trimap(truth, width)
    for labels, kept in zip(truth, found, strict=True):
        for at in places(labels.shape):
            others = [o for o in places(labels.shape) if labels[o] not in (VOID, labels[at])]
            near = labels[at] != VOID and any(distance(at, other) <= width for other in others)
            assert kept[at] == (labels[at] if near else VOID)


def test_a_band_without_width_is_an_error():
    labels = torch.zeros(4, 4, dtype=torch.long)
    for call in (lambda: metrics.boundary_confusion(labels, labels, 2, width=0), lambda: metrics.trimap(labels, 0)):
        with pytest.raises(ValueError, match="at least one pixel wide, not 0"):
            call()


# Beside torchmetrics --------------------------------------------------------------------------------------------------


@pytest.fixture
def several_maps():
    torch.manual_seed(0)
    truth = torch.randint(5, (4, 24, 17))
    prediction = torch.where(torch.rand(truth.shape) < 0.6, truth, torch.randint(5, truth.shape))
    return prediction, truth.where(torch.rand(truth.shape) < 0.9, VOID)


def test_torchmetrics_counts_the_same_confusion(several_maps):
    theirs = multiclass_confusion_matrix(*several_maps, num_classes=5, ignore_index=VOID)
    assert torch.equal(metrics.confusion(*several_maps, 5), theirs)


def test_torchmetrics_finds_the_same_accuracies(several_maps):
    counts = metrics.confusion(*several_maps, 5)
    for average, ours in (("micro", metrics.pixel_accuracy), ("macro", metrics.mean_class_accuracy)):
        theirs = multiclass_accuracy(*several_maps, num_classes=5, average=average, ignore_index=VOID)
        assert ours(counts).item() == pytest.approx(theirs.item(), abs=1e-6)


def test_torchmetrics_finds_the_same_iou_of_the_data_set(several_maps):
    counts = metrics.confusion(*several_maps, 5)
    kinds = (("none", metrics.iou), ("macro", metrics.mean_iou), ("weighted", metrics.frequency_weighted_iou))
    for average, ours in kinds:
        theirs = multiclass_jaccard_index(*several_maps, num_classes=5, average=average, ignore_index=VOID)
        torch.testing.assert_close(ours(counts).float(), theirs)


def test_torchmetrics_finds_the_same_mean_iou_of_each_image_absent_classes_skipped():
    torch.manual_seed(0)
    truth, prediction = torch.randint(5, (2, 6, 8, 9))
    truth[:2], prediction[:2] = truth[:2] % 3, prediction[:2] % 3  # no class 3 or 4 in the first two images
    theirs = torchmetrics_mean_iou(prediction, truth, num_classes=5, input_format="index", per_class=True)
    theirs = theirs.where(theirs >= 0, math.nan).nanmean(-1)  # it marks an absent class by −1
    torch.testing.assert_close(metrics.mean_iou(metrics.image_confusions(prediction, truth, 5)).float(), theirs)
