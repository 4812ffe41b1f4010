"""Hidden suite: greedy non-maximum suppression, box by box, in float64."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, assert_untouched, integers, normal, scattered


def expected(boxes, scores, labels=None, threshold=0.5):
    corners = boxes.double()
    left = sorted(range(len(boxes)), key=lambda i: (-float(scores[i]), i))
    kept = []
    while left:
        best, *left = left
        kept.append(best)
        if not left:
            break
        others = corners[left]
        low, high = torch.maximum(corners[best, :2], others[:, :2]), torch.minimum(corners[best, 2:], others[:, 2:])
        shared = ((high - low).clamp(min=0)).prod(1)
        areas = (others[:, 2:] - others[:, :2]).prod(1) + (corners[best, 2:] - corners[best, :2]).prod()
        stays = ~(shared > threshold * (areas - shared))
        if labels is not None:
            stays |= labels[left] != labels[best]
        left = [i for i, stay in zip(left, stays.tolist(), strict=True) if stay]
    return torch.tensor(kept, dtype=torch.int64)


def compare(student, *args, **parameters):
    wanted = expected(*args, **parameters)
    assert_close(student.nms(*args, **parameters), wanted)


def shifted(*steps, width=8.0, height=3.0, down=False):
    """Boxes of one size, moved by steps along one axis."""
    steps = torch.tensor(steps, dtype=torch.float32)[:, None]
    boxes = steps * torch.tensor([1.0, 0, 1, 0]) + torch.tensor([0.0, 0, width, height])
    return boxes[:, [1, 0, 3, 2]] if down else boxes


def falling(count):
    return 1 - torch.arange(count) / 64


def moved(rng, boxes):
    """The boxes with all of them moved by the same whole numbers."""
    return boxes + integers(rng, -20, 21, 2).to(boxes.dtype).repeat(2)


def drawn(rng, count, groups):
    """Boxes around a few places, at many sizes, and scores that are all unlike."""
    place = 40.0 * torch.arange(groups)[torch.arange(count) % groups]
    middle = torch.stack([place, -place], 1) + 2 * normal(rng, count, 2)
    half = 4 + 4 * normal(rng, count, 2).sigmoid()
    return torch.cat([middle - half, middle + half], 1), (1 + torch.randperm(count, generator=rng)) / 1024


@pytest.mark.points(2)
def test_overlapping_boxes(student, rng):
    "Of boxes that overlap much the one with the highest score is kept, along either axis."
    for down in (False, True):
        for scores in ((0.9, 0.8), (0.8, 0.9)):
            for step in (1.0, 2.0, 3.0, 5.0, 7.0):
                compare(student, moved(rng, shifted(0, step, down=down)), torch.tensor(scores))


@pytest.mark.points(2)
def test_order_of_the_result(student):
    "The result holds indices into the boxes as they were given, from the highest score to the lowest."
    boxes = shifted(0, 100, 200, 300, 400)
    for scores in ((0.1, 0.5, 0.3, 0.9, 0.2), (0.5, 0.4, 0.3, 0.2, 0.1), (0.1, 0.2, 0.3, 0.4, 0.5)):
        compare(student, boxes, torch.tensor(scores))


@pytest.mark.points(3)
def test_removed_boxes_remove_nothing(student, rng):
    "A box that was removed removes no other box, however long the chain is."
    for count in (3, 4, 5, 9):
        chain = moved(rng, shifted(*(2.0 * i for i in range(count)), width=8.0))
        compare(student, chain, falling(count), threshold=0.55)
        compare(student, chain, falling(count), threshold=0.3)
        compare(student, chain.flip(0), falling(count), threshold=0.3)


@pytest.mark.points(2)
def test_equal_to_the_threshold(student):
    "An IoU that is equal to the threshold removes nothing."
    boxes = torch.tensor([[0.0, 0, 4, 2], [0, 0, 2, 2], [10, 0, 14, 4], [10, 0, 11, 4], [20, 0, 28, 8], [20, 0, 26, 8]])
    for threshold in (0.5, 0.25, 0.75):
        compare(student, boxes, falling(6), threshold=threshold)
    same = shifted(0, 0, 1)
    compare(student, same, falling(3), threshold=1.0)


@pytest.mark.points(2)
def test_threshold(student, rng):
    "The threshold that was asked for decides, and without one it is one half."
    boxes = moved(rng, shifted(0, 1, 20, 22, 40, 43, 60, 64, 80, 86))
    for threshold in (0.0, 0.1, 0.3, 0.45, 0.65, 0.95):
        compare(student, boxes, falling(10), None, threshold)
    compare(student, boxes, falling(10))


@pytest.mark.points(2)
def test_boxes_within_boxes(student, rng):
    "A small box within a large one has a small IoU, and one that is nearly as large has not."
    for inner in ((4.0, 4, 6, 6), (0.0, 0, 10, 4), (0.0, 0, 9, 9), (1.0, 1, 10, 10), (0.0, 3, 10, 10)):
        boxes = moved(rng, torch.tensor([[0.0, 0, 10, 10], inner]))
        compare(student, boxes, torch.tensor([0.9, 0.8]))
        compare(student, boxes, torch.tensor([0.8, 0.9]))


@pytest.mark.points(2)
def test_area_of_the_union(student, rng):
    "The intersection is divided by the area of the union, in which it counts once."
    boxes = moved(rng, torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [40, 0, 50, 20], [43, 2, 50, 17]]))
    for threshold in (0.35, 0.5, 0.6, 0.69):
        compare(student, boxes, falling(4), threshold=threshold)


@pytest.mark.points(2)
def test_small_boxes(student):
    "Coordinates are continuous: boxes may be smaller than one, and nothing is added to their sides."
    for width in (1.0, 0.125):
        boxes = torch.cat([shifted(0, width / 2, width=width, height=width), shifted(9, 9 + width / 4, width=width)])
        compare(student, boxes, falling(4))
        compare(student, boxes, falling(4), threshold=0.3)


@pytest.mark.points(2)
def test_boxes_that_touch(student):
    "Boxes that share an edge or a corner do not overlap, and boxes that lie apart along both axes do not either."
    boxes = torch.tensor([[0.0, 0, 4, 4], [4, 0, 8, 4], [0, 4, 4, 8], [4, 4, 8, 8], [20, 20, 24, 24], [29, 29, 33, 33]])
    compare(student, boxes, falling(6), threshold=0.0)
    compare(student, boxes, falling(6), threshold=0.4)
    compare(student, -boxes[:, [2, 3, 0, 1]], falling(6), threshold=0.0)


@pytest.mark.points(2)
def test_equal_scores(student):
    "Among equal scores the box with the lower index comes first, and removes the other."
    compare(student, shifted(0, 1, 2, 3), torch.full((4,), 0.5))
    compare(student, shifted(0, 30, 60, 1, 31), torch.tensor([0.5, 0.7, 0.5, 0.5, 0.7]))
    # Many of them: a sort that is not stable leaves short lists in order.
    compare(student, shifted(*range(0, 2000, 20)), torch.zeros(100))


@pytest.mark.points(3)
def test_labels(student):
    "Boxes of different labels never remove each other, and those of one label do."
    boxes = shifted(0, 1, 0, 1, 2, 2)
    for labels in ((0, 0, 1, 1, 0, 1), (3, 1, 2, 4, 5, 6), (7, 7, 7, 7, 7, 7), (0, 1, 0, 1, 0, 1)):
        compare(student, boxes, torch.tensor([0.6, 0.9, 0.8, 0.5, 0.7, 0.4]), torch.tensor(labels))


def test_labels_of_boxes_far_apart(student):
    "Labels are compared: boxes that are moved aside by label meet where coordinates are large, or below zero."
    for far in (-1000.0, 1000.0, -9.0, -5000.0):
        boxes = torch.tensor([[0.0, 0, 8, 8], [far, far, far + 8, far + 8], [-far, -far, 8 - far, 8 - far]])
        for labels in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
            compare(student, boxes, falling(3), torch.tensor(labels), 0.2)
    boxes = torch.tensor([[-9.0, -9, -1, -1], [-9, -9, -1, -1], [-8, -8, 0, 0]])
    compare(student, boxes, falling(3), torch.tensor([5, 0, 1]))


def test_labels_of_any_number(student):
    "Labels may be negative, large and of any integer dtype."
    boxes, scores = shifted(0, 1, 0, 1), falling(4)
    for dtype in (torch.uint8, torch.int8, torch.int32):
        compare(student, boxes, scores, torch.tensor([0, 1, 1, 0], dtype=dtype))
    for labels in ((-1, 1, -1, 1), (2**40, 2**40 + 1, 2**40 + 1, 2**40), (300, 299, 300, 299)):
        compare(student, boxes, scores, torch.tensor(labels))


def test_no_boxes_and_one(student):
    "Without boxes the result is empty and int64; a single box is kept."
    compare(student, torch.zeros(0, 4), torch.zeros(0))
    compare(student, torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    compare(student, shifted(3), torch.tensor([-2.0]))


@pytest.mark.points(2)
def test_boxes_without_area(student):
    "A box without area has the IoU 0 with every box, also with one at the same place: nothing removes it."
    boxes = torch.tensor([[2.0, 2, 2, 2], [2, 2, 2, 2], [0, 2, 9, 2], [0, 2, 9, 2], [0, 0, 9, 9], [5, 0, 5, 9]])
    for threshold in (0.0, 0.5, 1.0):
        compare(student, boxes, falling(6), threshold=threshold)


def test_tiny_boxes(student):
    "However small their areas are, boxes that overlap much remove each other."
    for scale in (1e-6, 1e-15):
        compare(student, scale * shifted(0, 1, 20, 26), falling(4))


def test_scores_of_any_size(student):
    "Scores may be negative, infinite or close to each other, and each is compared in its own dtype."
    compare(student, shifted(0, 30, 60, 1, 31), torch.tensor([-0.5, -torch.inf, 0.0, -0.1, torch.inf]))
    compare(student, shifted(0, 1, 30), torch.tensor([0.9, 0.9 + 1e-12, 0.9 + 1e-13], dtype=torch.float64))
    compare(student, shifted(0, 1, 30), torch.tensor([0.5, 0.5001, 0.50005]))


def test_integer_coordinates(student):
    "Coordinates may have any integer dtype: neither differences nor areas may overflow."
    for dtype, scale in ((torch.uint8, 2), (torch.int16, 200), (torch.int32, 40000), (torch.int64, 2**40)):
        boxes = (scale * shifted(0, 2, 90, 97, height=40).double()).to(dtype)
        compare(student, boxes, falling(4))
        compare(student, boxes, falling(4), threshold=0.65)


def test_half_precision(student):
    "In float16 areas may be larger than float16 can hold."
    boxes = torch.tensor([[0.0, 0, 600, 500], [100, 0, 600, 500], [0, 0, 300, 500], [0, 0, 590, 500]])
    compare(student, boxes.half(), falling(4))


def test_double_precision(student):
    "In float64 boxes may be far from zero and close to each other, or overlap by just more than the threshold."
    boxes = shifted(0, 2, 20, 26).double() + 2.0**33
    compare(student, boxes, falling(4))
    near = torch.tensor([[0.0, 0, 4, 2], [0, 0, 2 + 1e-9, 2], [9, 0, 13, 2], [9, 0, 11 - 1e-9, 2]], dtype=torch.float64)
    compare(student, near, falling(4))


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    boxes = moved(rng, shifted(*(20 * (i // 4) + i % 4 for i in range(24))))
    scores, labels = (1 + torch.randperm(24, generator=rng)) / 32, torch.arange(24) % 2
    compare(student, scattered(boxes), *(torch.stack([v, v], 1)[:, 1] for v in (scores, labels)))
    compare(student, boxes.T.contiguous().T, scores[:1].expand(24), torch.zeros(1, dtype=torch.int64).expand(24))


def test_leaves_its_inputs_alone(student, rng):
    "Boxes, scores and labels should be afterwards what they were before."
    for dtype in (torch.float32, torch.float64, torch.int64):
        boxes, scores = drawn(rng, 24, 3)
        assert_untouched(student.nms, boxes.to(dtype), scores, torch.arange(24) % 2, 0.4)
        assert_untouched(student.nms, boxes.to(dtype), scores)


def test_boxes_at_random(student, rng):
    "Many boxes of all sizes around a few places, with labels and without."
    for count, groups in ((40, 3), (90, 2)):
        boxes, scores = drawn(rng, count, groups)
        compare(student, boxes, scores)
        compare(student, boxes, scores, torch.arange(count) // 7 % 2, 0.3)


def test_many_boxes(student, rng):
    "Many boxes should not take long: compute the overlap of all pairs at once."
    compare(student, *drawn(rng, 1000, 20))


@pytest.mark.points(2)
def test_refuses_other_shapes(student):
    "Four coordinates, one score and one label for each box: any other shape should raise a ValueError."
    boxes, scores, labels = shifted(0, 20, 40, 60), falling(4), torch.arange(4)
    compare(student, boxes, scores, labels)  # so refusing everything does not pass
    for other in (boxes[:, :3], boxes[:3], boxes[0], boxes[None], torch.zeros(4, 5), boxes[:, :2]):
        assert_refuses(student.nms, other, scores, labels)
    for other in (scores[:3], scores[:1], scores[:, None], scores[0], scores[None], torch.ones(5)):
        assert_refuses(student.nms, boxes, other, labels)
    for other in (labels[:3], labels[:1], labels[:, None], labels[0], labels[None], torch.arange(5)):
        assert_refuses(student.nms, boxes, scores, other)
    for count in (0, 1):
        assert_refuses(student.nms, boxes[:count], scores[:count, None])


def test_refuses_exchanged_corners(student):
    "A box whose second corner lies left of the first or above it should raise a ValueError."
    for scale in (1.0, 2.0**-5):
        boxes, scores = scale * shifted(0, 20, 40), falling(3)
        compare(student, boxes, scores)  # so refusing everything does not pass
        for order in ([2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]):
            for at in range(3):
                wrong = boxes.clone()
                wrong[at] = boxes[at, order]
                assert_refuses(student.nms, wrong, scores)


def test_refuses_thresholds_outside(student):
    "A threshold below 0 or above 1 should raise a ValueError; 0 and 1 themselves are allowed."
    boxes, scores = shifted(0, 20, 40), falling(3)
    for threshold in (0, 1, 0.0, 1.0):
        compare(student, boxes, scores, None, threshold)  # so refusing everything does not pass
    for threshold in (-0.1, 1.1, 50, float("nan")):
        assert_refuses(student.nms, boxes, scores, None, threshold)
