"""The zoo's grid detector: its sizes, its loss against the definition cell by cell, and what it finds."""

import math

import pytest
import torch

from pixelwise import detection
from pixelwise.data.scenes import CLASSES, THINGS, scenes
from pixelwise.data.transforms import normalise
from pixelwise.detection import AveragePrecision, Objects
from pixelwise.train import fit
from pixelwise.zoo import grid_detector
from tests.test_detection import device  # noqa: F401

FIRST_THING = CLASSES.index(THINGS[0])


def small(width=4, classes=5):
    torch.manual_seed(0)
    return grid_detector.GridDetector(width=width, classes=classes)


def things(data, least=0):
    """The objects of scenes, with classes counted from the first thing."""
    return [
        Objects(each.boxes, each.classes - FIRST_THING, each.ignored)
        for each in detection.objects_in(data.instances, data.labels, least)
    ]


def saying(objects, grid, classes, sure=20.0):
    """Outputs that say exactly what the objects are, each in the cell of its centre, and nothing elsewhere."""
    outputs = torch.zeros(len(objects), 5 + classes, *grid)
    outputs[:, 0] = -sure
    places = grid_detector.boxes(outputs)  # of codes that are 0: the anchors
    for image, truth in enumerate(objects):
        for box, kind in zip(truth.boxes, truth.classes, strict=True):
            column, row = (detection.to_centres(box)[:2] // grid_detector.STRIDE).long().tolist()
            code = detection.encode(box, places[image, row, column])
            outputs[image, :, row, column] = torch.cat((torch.tensor([sure]), code, torch.zeros(classes)))
            outputs[image, 5 + kind, row, column] = sure
    return outputs


SPREAD = [
    Objects(torch.tensor([[3.0, 4, 21, 30], [30, 2, 62, 17], [40, 30, 44, 61]]), torch.tensor([0, 2, 1])),
    Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)),
]


@pytest.mark.parametrize("size", [(96, 96), (61, 47), (33, 70), (8, 8), (1, 5)])
def test_every_size_of_image_gets_a_prediction_for_each_cell(size):
    with torch.no_grad():
        outputs = small().eval()(torch.rand(2, 3, *size))
    assert outputs.shape == (2, 10, *(math.ceil(side / 8) for side in size))


def test_the_loss_reaches_every_weight():
    network = small().train()
    grid_detector.loss(network(torch.rand(2, 3, 64, 64)), grid_detector.packed(SPREAD)).backward()
    assert [name for name, weights in network.named_parameters() if not weights.grad.any()] == []


def test_an_untrained_network_is_sure_of_nothing():
    found = grid_detector.detect(small().eval()(torch.rand(2, 3, 64, 64)), (64, 64))
    assert sum(map(len, found)) == 0


def test_what_outputs_say_is_what_is_detected(device):  # noqa: F811
    with torch.device("cpu"):
        outputs = saying(SPREAD, (8, 8), classes=3)
    found = grid_detector.detect(outputs.to(device), (64, 64))
    for one, truth in zip(found, SPREAD, strict=True):
        assert one.boxes.device.type == device and sorted(one.classes.tolist()) == sorted(truth.classes.tolist())
        order = one.classes.argsort(), truth.classes.argsort()
        torch.testing.assert_close(one.boxes.cpu()[order[0].cpu()], truth.boxes[order[1]], atol=1e-4, rtol=0)
        assert (one.scores > 0.99).all()
    # Most is said of an image, least of a score, and the parts outside of it are cut off.
    assert len(grid_detector.detect(outputs.to(device), (64, 64), most=2)[0]) == 2
    assert grid_detector.detect(outputs.to(device), (40, 40))[0].boxes.max() <= 40
    assert len(grid_detector.detect(outputs.to(device), (64, 64), least=1.1)[0]) == 0


def test_one_object_seen_by_two_cells_is_reported_once_and_two_of_a_kind_apart_twice():
    outputs = saying(SPREAD[:1], (8, 8), classes=3)
    places = grid_detector.boxes(torch.zeros_like(outputs))
    outputs[0, 0, 2, 2], outputs[0, 5:, 2, 2] = 5.0, outputs[0, 5:, 2, 1]  # beside the cell (2, 1) of the first
    outputs[0, 1:5, 2, 2] = detection.encode(SPREAD[0].boxes[0] + 1, places[0, 2, 2])
    assert len(grid_detector.detect(outputs, (64, 64))[0]) == 3
    outputs[0, 1:5, 2, 2] = detection.encode(SPREAD[0].boxes[0] + 15, places[0, 2, 2])
    assert len(grid_detector.detect(outputs, (64, 64))[0]) == 4


def defined_loss(outputs, objects, radius):
    """The loss by its definition, one cell after the other, in float64."""
    outputs, total, positives = outputs.double(), 0.0, 0
    boxes = grid_detector.boxes(outputs).double()
    for image, truth in enumerate(objects):
        given = detection.assign_cells(
            tuple(outputs.shape[2:]), 8, truth.boxes[None].double(), ~truth.ignored[None], radius
        )[0]
        for i in range(outputs.shape[2]):
            for j in range(outputs.shape[3]):
                logits, m, target = outputs[image, :, i, j], int(given[i, j]), 0.0
                if m >= 0:
                    box = truth.boxes[m].double()
                    target = detection.iou(boxes[image, i, j], box).item()
                    total += 2 * (1 - detection.giou(boxes[image, i, j], box).item())
                    total -= logits[5:].log_softmax(0)[truth.classes[m]].item()
                    positives += 1
                else:
                    middle = (j + 0.5) * 8, (i + 0.5) * 8
                    inside = [
                        bool(gone) and x0 <= middle[0] < x1 and y0 <= middle[1] < y1
                        for (x0, y0, x1, y1), gone in zip(truth.boxes.tolist(), truth.ignored, strict=True)
                    ]
                    if any(inside):
                        continue
                p = logits[0].sigmoid().item()
                total -= target * math.log(p) + (1 - target) * math.log(1 - p)
    return total / max(positives, 1)


@pytest.mark.parametrize("radius", [0, 1, 1.5])
def test_the_loss_is_that_of_its_definition(radius, device):  # noqa: F811
    generator = torch.Generator().manual_seed(5)
    with torch.device("cpu"):
        objects = []
        for count in (4, 0, 1):
            corner = torch.rand(count, 2, generator=generator) * 30
            boxes = torch.cat((corner, corner + 4 + 20 * torch.rand(count, 2, generator=generator)), 1)
            gone = torch.arange(count) % 3 == 1
            objects.append(Objects(boxes, torch.randint(3, (count,), generator=generator), gone))
        outputs = torch.randn(3, 8, 5, 6, generator=generator)
        wanted = defined_loss(outputs, objects, radius)
        packed = grid_detector.packed(objects)
    found = grid_detector.loss(outputs.to(device), packed.to(device), radius)
    assert found.item() == pytest.approx(wanted, rel=1e-5)
    # Without a single object what is left is the cross-entropy of objectness, summed.
    nothing = grid_detector.loss(outputs[1:2].to(device), packed[1:2].to(device), radius)
    with torch.device("cpu"):
        assert nothing.item() == pytest.approx(defined_loss(outputs[1:2], objects[1:2], radius), rel=1e-5)


def test_a_cell_of_an_object_counts_also_where_an_ignored_one_lies_around_it():
    boxes, gone = torch.tensor([[2.0, 2, 14, 14], [0, 0, 30, 30]]), torch.tensor([False, True])
    objects = [Objects(boxes, torch.tensor([1, 0]), gone)]
    outputs = torch.randn(1, 8, 5, 5, generator=torch.Generator().manual_seed(6))
    found = grid_detector.loss(outputs, grid_detector.packed(objects), radius=0)
    assert found.item() == pytest.approx(defined_loss(outputs, objects, 0), rel=1e-5)


def test_outputs_that_say_the_truth_have_no_loss():
    packed = grid_detector.packed(SPREAD)
    assert grid_detector.loss(saying(SPREAD, (8, 8), classes=3), packed, radius=0).item() == pytest.approx(0, abs=1e-4)
    assert grid_detector.loss(saying(SPREAD, (8, 8), classes=3), packed, radius=1).item() > 1


def test_packed_objects_keep_boxes_and_classes_and_mark_what_is_ignored_or_left_over():
    ignored = Objects(SPREAD[0].boxes[:2], torch.tensor([1, 2]), torch.tensor([False, True]))
    packed = grid_detector.packed([SPREAD[0], ignored])
    assert packed.shape == (2, 3, 5) and packed.dtype == torch.float32
    assert torch.equal(packed[0, :, :4], SPREAD[0].boxes) and packed[0, :, 4].tolist() == [0, 2, 1]
    assert packed[1, :, 4].tolist() == [1, grid_detector.IGNORED, grid_detector.NOTHING]
    assert grid_detector.packed([SPREAD[1]]).shape == (1, 1, 5) and grid_detector.packed([]).shape == (0, 1, 5)


def test_the_objects_of_a_mirrored_scene_are_the_mirrored_objects():
    data = scenes(1, size=(48, 64), seed=2)
    truth = detection.objects_in(data.instances, data.labels)
    image, packed = grid_detector.mirrored(data.images[0], grid_detector.packed(truth)[0])
    there = detection.objects_in(data.instances.flip(-1), data.labels.flip(-1))
    assert torch.equal(image, data.images[0].flip(-1)) and torch.equal(packed, grid_detector.packed(there)[0])


def test_a_small_detector_learns_three_scenes_by_heart():
    data = scenes(3, size=64, seed=11)
    objects = things(data, least=16)
    network, images = small(width=8), normalise(data.images)
    fit(network, images, grid_detector.packed(objects), 120, 3, 0.01, 0.0, recipe="adamw", loss=grid_detector.loss)
    with torch.no_grad():
        found = grid_detector.detect(network.eval()(images), (64, 64))
    score = AveragePrecision(len(THINGS), "voc2010")
    for each, truth in zip(found, objects, strict=True):
        score.update(each, truth)
    assert score.mean() > 0.9


@pytest.mark.parametrize(
    ("objects", "sentence"),
    [
        (torch.zeros(1, 4, 4), "Outputs (N, 5 + K, h, w) need objects (N, M, 5), not (1, 8, 2, 2) and (1, 4, 4)."),
        (torch.full((1, 1, 5), 3.0), "The objects hold the class 3, but the classes are 0 to 2."),
    ],
)
def test_objects_that_do_not_fit_are_refused_in_a_sentence(objects, sentence):
    with pytest.raises(ValueError) as refused:
        grid_detector.loss(torch.zeros(1, 8, 2, 2), objects)
    assert str(refused.value) == sentence
