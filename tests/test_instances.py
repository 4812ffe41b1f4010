"""Instances by components and by boxes, panoptic quality against its definition, and errors sorted by kind."""

import math
from itertools import pairwise

import pytest
import torch

from pixelwise import detection
from pixelwise.data.scenes import CLASSES, scenes
from pixelwise.detection import MISTAKES, Detections, Objects, PanopticQuality
from tests.test_detection import device  # noqa: F401


def components_by_walking(labels, classes):
    """The sets of pixels that are reached from each other over edges, found by walking."""
    height, width = labels.shape
    open_pixels = {(i, j) for i in range(height) for j in range(width) if int(labels[i, j]) in classes}
    components = []
    while open_pixels:
        pending, component = [open_pixels.pop()], set()
        while pending:
            i, j = pending.pop()
            component.add((i, j))
            for there in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if there in open_pixels and labels[there] == labels[i, j]:
                    open_pixels.remove(there)
                    pending.append(there)
        components.append(frozenset(component))
    return set(components)


def sets_of(instances):
    return {
        frozenset(map(tuple, (instances == number).nonzero().tolist()))
        for number in instances.unique().tolist()
        if number
    }


@pytest.mark.parametrize("size", [(12, 17), (1, 9), (9, 1), (30, 30)])
def test_components_are_those_that_walking_finds(size, device):  # noqa: F811
    with torch.device("cpu"):
        labels = torch.randint(3, (4, *size), generator=torch.Generator().manual_seed(3))
    found = detection.connected(labels.to(device), (1, 2))
    assert found.dtype == torch.int64 and found.device.type == device
    for one, of in zip(found.cpu(), labels, strict=True):
        assert sets_of(one) == components_by_walking(of, {1, 2})
        assert sorted(one.unique().tolist())[-1] == len(sets_of(one))  # numbered without gaps


def test_a_snake_is_one_component_and_two_that_touch_at_a_corner_are_two():
    snake = torch.zeros(1, 41, 41, dtype=torch.long)
    for row in range(0, 41, 2):
        snake[0, row] = 1
    for turn, (row, _) in enumerate(pairwise(range(0, 41, 2))):
        snake[0, row + 1, -1 if turn % 2 == 0 else 0] = 1
    assert detection.connected(snake, [1]).max() == 1
    assert detection.connected(torch.eye(2, dtype=torch.long)[None], [1]).max() == 2


def test_components_that_are_too_small_are_none():
    labels = torch.tensor([[[1, 1, 0, 1], [1, 0, 2, 2]]])
    assert detection.connected(labels, (1, 2), least=2).tolist() == [[[1, 1, 0, 0], [1, 0, 2, 2]]]
    assert detection.connected(labels, (1,), least=3).tolist() == [[[1, 1, 0, 0], [1, 0, 0, 0]]]
    assert not detection.connected(labels, (1, 2), least=4).any()


def test_boxes_tell_apart_what_touches_and_take_only_pixels_of_their_class(device):  # noqa: F811
    labels = torch.tensor([[[5, 5, 5, 5, 0], [5, 5, 5, 5, 6]]], device=device)
    boxes = torch.tensor([[2.0, 0, 4, 2], [0, 0, 2, 2], [3, 0, 5, 2]], device=device)
    found = Detections(boxes, torch.tensor([0, 0, 1], device=device), torch.tensor([0.9, 0.8, 0.7], device=device))
    assert detection.by_boxes(labels, [found], first=5).tolist() == [[[2, 2, 1, 1, 0], [2, 2, 1, 1, 3]]]
    assert detection.by_boxes(labels, [found], first=5, least=2).tolist() == [[[2, 2, 1, 1, 0], [2, 2, 1, 1, 0]]]


def test_a_pixel_in_two_boxes_goes_to_the_nearer_centre_and_of_equal_ones_to_the_surer():
    labels = torch.ones(1, 1, 7, dtype=torch.long)
    boxes = torch.tensor([[0.0, 0, 5, 1], [2, 0, 7, 1]])
    for scores, middle in (((0.9, 0.8), 1), ((0.8, 0.9), 2)):
        found = Detections(boxes, torch.tensor([0, 0]), torch.tensor(scores))
        (made,) = detection.by_boxes(labels, [found], first=1)
        left, right = made[0, 0], made[0, -1]
        assert made[0].tolist() == [left] * 3 + [1] + [right] * 3 and left != right
        assert int(left) == middle  # numbers follow the scores


def test_without_detections_there_are_no_instances():
    none = Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    assert not detection.by_boxes(torch.ones(1, 3, 3, dtype=torch.long), [none], first=1).any()


def defined_quality(images, classes):
    """PQ, SQ and RQ by their definition, pair by pair, for images of sets {(class, mask)} and void masks."""
    result = []
    for kind in range(classes):
        shared, right, wrong, missed = 0.0, 0, 0, 0
        for found, truth, void in images:
            mine = [mask for name, mask in found if name == kind]
            its = [mask & ~void for name, mask in truth if name == kind]
            its = [mask for mask in its if mask.any()]
            taken = set()
            for mask in mine:
                inside = mask & ~void
                values = [float((inside & one).sum() / (inside | one).sum()) for one in its]
                hit = [i for i, value in enumerate(values) if value > 0.5]
                assert len(hit) <= 1
                if hit:
                    taken.add(hit[0])
                    shared, right = shared + values[hit[0]], right + 1
                elif (mask & void).sum() <= mask.sum() / 2:
                    wrong += 1
            missed += len(its) - len(taken)
        of = right + wrong / 2 + missed / 2
        parts = (shared, of), (shared, right), (right, of)
        result.append([above / below if below else math.nan for above, below in parts])
    return torch.tensor(result, dtype=torch.float64).T


def test_panoptic_quality_is_that_of_its_definition():
    data = scenes(6, 64, seed=7)
    generator = torch.Generator().manual_seed(0)
    score, images = PanopticQuality(len(CLASSES)), []
    for labels, instances in zip(data.labels, data.instances, strict=True):
        moved_labels, moved = labels.roll(2, 1), instances.roll(2, 1)
        moved[moved == 2] = 1  # two that became one, where their classes agree
        void = torch.rand(labels.shape, generator=generator) < 0.2
        void[:, 20:30] = True
        score.update(moved, moved_labels, instances, labels, void)
        images.append((segments(moved, moved_labels), segments(instances, labels), void))
    torch.testing.assert_close(score.quality(), defined_quality(images, len(CLASSES)), equal_nan=True)
    assert score.wrong.sum() > 3 and score.missed.sum() > 3 and score.right.sum() > 3


def segments(instances, labels):
    pairs = {(int(n), int(c)) for n, c in zip(instances.flatten(), labels.flatten(), strict=True) if n}
    return [(c, (instances == n) & (labels == c)) for n, c in pairs]


def test_the_truth_has_the_quality_one_and_two_cars_as_one_have_none():
    instances, labels = torch.tensor([[1, 1, 2, 2]]), torch.full((1, 4), 5)
    score = PanopticQuality(9)
    score.update(instances, labels, instances, labels)
    assert score.quality()[:, 5].tolist() == [1, 1, 1] and score.quality()[0, :5].isnan().all()
    merged = PanopticQuality(9)
    merged.update((instances > 0).long(), labels, instances, labels)
    assert merged.quality()[0, 5] == 0 and (merged.wrong[5], merged.missed[5]) == (1, 2)


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="have one shape"):
        PanopticQuality(2).update(*torch.zeros(3, 2, 2, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long))


TRUTH = Objects(
    torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]]),
    torch.tensor([0, 1, 0, 0]),
    torch.tensor([False, False, False, True]),
)
CASES = [  # box, class, score, what it is
    ((0, 0, 10, 9), 0, 0.9, "right"),
    ((0, 0, 10, 10), 0, 0.8, "double"),
    ((20, 0, 30, 10), 0, 0.7, "wrong class"),
    ((45, 0, 55, 10), 0, 0.6, "badly placed"),
    ((80, 0, 90, 10), 0, 0.5, "background"),
    ((60, 0, 70, 10), 0, 0.4, "not counted"),
    ((20, 0, 30, 9), 1, 0.3, "right"),
]


@pytest.mark.parametrize("order", [range(7), range(6, -1, -1), (3, 0, 6, 2, 5, 1, 4)])
def test_each_error_has_its_kind_in_whatever_order_they_come(order):
    cases = [CASES[i] for i in order]
    found = Detections(
        torch.tensor([case[0] for case in cases], dtype=torch.float32),
        torch.tensor([case[1] for case in cases]),
        torch.tensor([case[2] for case in cases]),
    )
    kinds, missed = detection.mistakes(found, TRUTH)
    assert [MISTAKES[kind] for kind in kinds.tolist()] == [case[3] for case in cases]
    assert missed.tolist() == [False, False, True, False]


def test_without_objects_all_is_background_and_without_detections_all_is_missed():
    none = Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    one = Detections(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0]), torch.tensor([0.5]))
    assert [MISTAKES[kind] for kind in detection.mistakes(one, none)[0]] == ["background"]
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    kinds, missed = detection.mistakes(nothing, TRUTH)
    assert len(kinds) == 0 and missed.tolist() == [True, True, True, False]
