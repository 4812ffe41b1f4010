"""Average precision against its definition, in exact fractions, and against torchmetrics."""

import math
import sys
from fractions import Fraction
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import detection
from pixelwise.detection import AveragePrecision, Detections, Objects
from tests.test_detection import DEVICES, device, exact_iou, pixels, random_boxes, tensor, whole_boxes  # noqa: F401

# isort: split
from torchmetrics.detection import _mean_ap

quick = settings(max_examples=80, deadline=None)
CONVENTIONS = ["voc2007", "voc2010", "coco"]
EXACT = {"coco": [Fraction(k, 20) for k in range(10, 20)], "voc2007": [Fraction(1, 2)], "voc2010": [Fraction(1, 2)]}


@st.composite
def images(draw, classes=2):
    """Up to three images with detections, whose scores tie, and objects, some of them ignored or crowds: as lists."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        objects = draw(whole_boxes(most=4))
        # Half of the detections are where an object is.
        boxes = [draw(st.sampled_from([box, *objects])) for box in draw(whole_boxes(most=5))]
        kind = st.integers(0, classes - 1)
        found.append(
            (
                [(box, draw(kind), draw(st.sampled_from([0.25, 0.5, 0.75]))) for box in boxes],
                [(box, draw(kind), draw(st.sampled_from(["", "", "ignored", "crowd"]))) for box in objects],
            )
        )
    return found


def as_tensors(image, where="cpu"):
    detections, objects = image
    classes, scores = ([each[k] for each in detections] for k in (1, 2))
    found = Detections(
        tensor([box for box, _, _ in detections], device=where),
        torch.tensor(classes, dtype=torch.long, device=where),
        torch.tensor(scores, dtype=torch.float32, device=where),
    )
    kinds = torch.tensor([kind for _, kind, _ in objects], dtype=torch.long, device=where)
    flags = [
        torch.tensor([flag == name for _, _, flag in objects], dtype=torch.bool, device=where)
        for name in ("ignored", "crowd")
    ]
    return found, Objects(tensor([box for box, _, _ in objects], device=where), kinds, *flags)


def states(detections, objects, threshold, convention):
    """What each detection of one class is, in the order of their scores: "right", "wrong" or None."""
    taken, result = set(), []
    for box, _, _ in detections:

        def measure(m, box=box):
            if convention == "coco" and objects[m][2] == "crowd":
                return Fraction(len(pixels(box) & pixels(objects[m][0])), max(len(pixels(box)), 1))
            return exact_iou(box, objects[m][0])

        if convention == "coco":
            free = [m for m in range(len(objects)) if m not in taken or objects[m][2] == "crowd"]
            enough = [m for m in free if measure(m) >= threshold]
            enough = [m for m in enough if not objects[m][2]] or enough
            best = max(enough, key=lambda m: (measure(m), m), default=None)
        else:
            best = max(range(len(objects)), key=lambda m: (measure(m), -m), default=None)
            best = best if best is not None and measure(best) >= threshold else None
        if best is None:
            result.append("wrong")
        elif objects[best][2]:
            result.append(None)
        else:
            result.append("wrong" if best in taken else "right")
        if best is not None:
            taken.add(best)
    return result


def defined(data, kind, threshold, convention, most):
    """AP by its definition; NaN for a class without objects."""
    entries, total = [], 0
    for detections, objects in data:
        of_class = sorted((each for each in detections if each[1] == kind), key=lambda each: -each[2])[:most]
        truth = [each for each in objects if each[1] == kind]
        total += sum(not flag for _, _, flag in truth)
        found = states(of_class, truth, threshold, convention)
        entries += [(score, state) for (_, _, score), state in zip(of_class, found, strict=True)]
    if not total:
        return math.nan
    points, right, counted = [], 0, 0
    for _, state in sorted(entries, key=lambda entry: -entry[0]):
        right, counted = right + (state == "right"), counted + (state is not None)
        if counted:
            points.append((Fraction(right, total), Fraction(right, counted)))

    def best(recall):
        return max((p for r, p in points if r >= recall), default=Fraction(0))

    if convention == "voc2010":
        return float(sum(best(Fraction(k + 1, total)) for k in range(total)) / total)
    last = 10 if convention == "voc2007" else 100
    return float(sum(best(Fraction(k, last)) for k in range(last + 1)) / (last + 1))


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(data=images(), most=st.sampled_from([1, 2, 100]))
@quick
def test_average_precision_is_that_of_its_definition(data, most, convention):
    score = AveragePrecision(2, convention, most=most)
    for image in data:
        score.update(*as_tensors(image))
    wanted = [[defined(data, kind, t, convention, most) for kind in range(2)] for t in EXACT[convention]]
    found, wanted = score.per_class(), torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(found, wanted, equal_nan=True)
    torch.testing.assert_close(score.mean(), wanted.nanmean(), equal_nan=True)


@pytest.mark.parametrize("seed", range(4))
def test_cocos_average_precision_is_that_of_torchmetrics(seed, monkeypatch):
    # Its version in PyTorch calls pycocotools for masks alone, but always asks for it.
    monkeypatch.setattr(_mean_ap, "_PYCOCOTOOLS_AVAILABLE", True)
    package, masks = ModuleType("pycocotools"), ModuleType("pycocotools.mask")
    package.mask = masks
    monkeypatch.setitem(sys.modules, "pycocotools", package)
    monkeypatch.setitem(sys.modules, "pycocotools.mask", masks)
    generator = torch.Generator().manual_seed(seed)
    # Of a prime number of objects no recall but 1 falls on a multiple of 0.01, which float32 may miss.
    kinds = torch.tensor([0] * 7 + [1] * 11 + [2] * 13)[torch.randperm(31, generator=generator)]
    theirs, ours = _mean_ap.MeanAveragePrecision(class_metrics=True), AveragePrecision(3)
    for of_image in kinds.split([9, 0, 8, 14]):
        objects = Objects(random_boxes(len(of_image), generator, low=15), of_image)
        near = objects.boxes.repeat(2, 1) + 2 * torch.randn(2 * len(of_image), 4, generator=generator)
        boxes = torch.cat((near, random_boxes(6, generator)))
        classes = torch.cat((of_image.repeat(2), torch.randint(3, (6,), generator=generator)))
        found = Detections(boxes, classes, torch.rand(len(boxes), generator=generator))
        ours.update(found, objects)
        theirs.update(
            [{"boxes": found.boxes, "labels": found.classes, "scores": found.scores}],
            [{"boxes": objects.boxes, "labels": objects.classes}],
        )
    wanted = theirs.compute()
    assert 0.1 < wanted["map"] < 0.9
    assert ours.mean().item() == pytest.approx(wanted["map"].item(), abs=1e-5)
    assert ours.per_class().mean(0).tolist() == pytest.approx(wanted["map_per_class"].tolist(), abs=1e-5)
    assert ours.per_class()[0].mean().item() == pytest.approx(wanted["map_50"].item(), abs=1e-5)
    assert ours.per_class()[5].mean().item() == pytest.approx(wanted["map_75"].item(), abs=1e-5)


@pytest.mark.parametrize(
    ("convention", "wanted"), [("voc2007", (4 + 3 * 2 / 3) / 11), ("voc2010", 0.5 * (1 + 2 / 3) / 1), ("coco", None)]
)
def test_an_example_worked_by_hand(convention, wanted):
    # Right, wrong, right: of three objects a third is found at precision 1, two thirds at 2/3, the last never.
    precision, recall = torch.tensor([1, 1 / 2, 2 / 3]), torch.tensor([1 / 3, 1 / 3, 2 / 3], dtype=torch.float64)
    wanted = {
        "voc2007": (4 * 1 + 3 * 2 / 3) / 11,  # recall 0 to 0.3, 0.4 to 0.6, and nothing from 0.7
        "voc2010": (1 + 2 / 3) / 3,
        "coco": (34 * 1 + 33 * 2 / 3) / 101,
    }[convention]
    assert detection.average_precision(precision, recall, convention).item() == pytest.approx(wanted)


def test_the_conventions_differ_where_the_best_object_of_a_detection_was_found_before():
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 9.0, 10.0]])
    truth = Objects(torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 7.0, 10.0]]), torch.tensor([0, 0]))
    found = Detections(boxes, torch.tensor([0, 0]), torch.tensor([0.9, 0.8]))
    assert detection.matched(found, truth, (0.5,), "coco").tolist() == [[1, 1]]
    assert detection.matched(found, truth, (0.5,), "voc2010").tolist() == [[1, 0]]


def test_of_two_objects_with_the_same_iou_coco_takes_the_last_and_voc_the_first():
    truth = Objects(torch.tensor([[0.0, 0.0, 7.0, 10.0], [3.0, 0.0, 10.0, 10.0]]), torch.tensor([0, 0]))
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [3.0, 0.0, 11.0, 10.0]])  # the second meets the last object alone
    found = Detections(boxes, torch.tensor([0, 0]), torch.tensor([0.9, 0.8]))
    assert detection.matched(found, truth, (0.5,), "coco").tolist() == [[1, 0]]
    assert detection.matched(found, truth, (0.5,), "voc2010").tolist() == [[1, 1]]


@pytest.mark.parametrize("k", range(10, 20))
def test_an_iou_that_equals_a_threshold_is_enough(k):
    truth = Objects(torch.tensor([[0.0, 0.0, 20.0, 1.0]]), torch.tensor([0]))
    found = Detections(torch.tensor([[0.0, 0.0, k, 1.0]]), torch.tensor([0]), torch.tensor([0.5]))  # an IoU of k / 20
    states = detection.matched(found, truth, detection.precision_recall.COCO_THRESHOLDS, "coco")
    assert states.flatten().tolist() == [1] * (k - 9) + [0] * (19 - k)


def test_a_crowd_takes_any_number_of_detections_and_an_ignored_object_one():
    truth = Objects(torch.tensor([[0.0, 0.0, 40.0, 20.0]]), torch.tensor([0]), crowd=torch.tensor([True]))
    found = Detections(
        torch.tensor([[0.0, 0.0, 5.0, 9.0], [30.0, 5.0, 39.0, 19.0], [35.0, 0.0, 55.0, 9.0]]),
        torch.zeros(3, dtype=torch.long),
        torch.tensor([0.9, 0.8, 0.7]),
    )
    assert detection.matched(found, truth, (0.5,), "coco").tolist() == [[-1, -1, 0]]
    assert detection.matched(found, truth, (0.5,), "voc2010").tolist() == [[0, 0, 0]]
    ignored = Objects(found.boxes[:1], torch.tensor([0]), torch.tensor([True]))
    twice = Detections(found.boxes[[0, 0]], found.classes[:2], found.scores[:2])
    assert detection.matched(twice, ignored, (0.5,), "coco").tolist() == [[-1, 0]]
    assert detection.matched(twice, ignored, (0.5,), "voc2010").tolist() == [[-1, -1]]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_perfect_none_and_absent(convention, device):  # noqa: F811
    score = AveragePrecision(4, convention)
    assert score.mean().isnan()
    image = ([((0, 0, 4, 4), 0, 0.5), ((1, 1, 5, 5), 3, 0.5)], [((0, 0, 4, 4), 0, ""), ((2, 2, 5, 6), 1, "")])
    score.update(*as_tensors(image, device))
    score.update(*as_tensors(([], []), device))
    # Class 0 is found, 1 is missed, 2 and 3 have no objects; a detection of 3 changes nothing.
    assert score.per_class()[0].tolist() == pytest.approx([1, 0, math.nan, math.nan], nan_ok=True)
    assert score.mean().item() == 0.5
    precision, recall = score.curves(0)
    assert (precision == 1).all() and (recall == 1).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AveragePrecision(2, "pascal"), "'pascal' is no convention of average precision: use voc2007, voc2010"),
        (lambda: AveragePrecision(0), "AP needs classes from 1 and thresholds above 0 and at most 1, not 0"),
        (lambda: AveragePrecision(1, thresholds=(0.0,)), "AP needs classes from 1 and thresholds above 0"),
        (lambda: AveragePrecision(2).curves(2), "There are classes 0 to 1, and no 2."),
        (
            lambda: AveragePrecision(1).update(*as_tensors(([((0, 0, 1, 1), 3, 0.5)], []))),
            "There are classes 3 to 3 in an image, but AP was asked for 0 to 0.",
        ),
        (lambda: detection.average_precision(torch.ones(2), torch.ones(3)), "Precision (2,) and recall (3,) need"),
        (lambda: Detections(torch.ones(2, 4), torch.ones(2), torch.ones(3)), "Boxes of the shape (2, 4) do not fit"),
        (lambda: Detections(torch.ones(1, 4), torch.ones(1), torch.tensor([math.nan])), "A score is NaN"),
        (lambda: Objects(torch.ones(2, 5), torch.ones(2)), "Boxes of the shape (2, 5) do not fit"),
        (lambda: detection.nms(torch.ones(2, 4), torch.tensor([1, math.nan])), "A score is NaN"),
        (lambda: detection.iou(torch.ones(2, 3), torch.ones(2, 3)), "Boxes are (…, 4), not (2, 3)."),
        (lambda: detection.anchor_shapes((16, 0)), "Sizes and ratios of anchors are above 0"),
        (lambda: detection.grid_anchors(torch.ones(2, 3), (2, 2), 8), "Anchors need shapes (A, 2) and a stride"),
        (lambda: detection.assign(torch.ones(1, 4), torch.ones(1, 4), 0.3, 0.5), "Thresholds are 0 ≤ negative ≤"),
        (lambda: detection.objects_in(torch.ones(3, 3), torch.ones(3, 3)), "Instances and labels are both (N, H, W)"),
        (lambda: detection.objects_in(-torch.ones(1, 2, 2), torch.ones(1, 2, 2)), "Instances are numbered from 1"),
        (
            lambda: detection.objects_in(torch.ones(1, 1, 2), torch.tensor([[[1, 2]]])),
            "An object has pixels of two classes",
        ),
        (lambda: detection.roi_align(torch.ones(1, 2, 3), torch.ones(1, 4), torch.zeros(1), (2, 2)), "RoI align needs"),
        (
            lambda: detection.roi_align(torch.ones(1, 1, 3, 3), torch.ones(1, 4), torch.zeros(1), (2, 0)),
            "Size, stride and samples are above 0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value).startswith(sentence)
