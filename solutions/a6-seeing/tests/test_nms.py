"""What `check("nms")` tries."""

import torch

from autograder.suite import assert_close, assert_refuses, integers


def overlap(a, b):
    (x1, y1, x2, y2), (u1, v1, u2, v2) = a, b
    shared = max(0.0, min(x2, u2) - max(x1, u1)) * max(0.0, min(y2, v2) - max(y1, v1))
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared
    return shared / union if union > 0 else 0.0


def definition(boxes, scores, labels=None, threshold=0.5):
    """Pair by pair."""
    kept, places = [], boxes.double().tolist()
    for i in sorted(range(len(places)), key=lambda i: (-float(scores[i]), i)):
        rivals = [k for k in kept if labels is None or labels[k] == labels[i]]
        if all(overlap(places[i], places[k]) <= threshold for k in rivals):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


def test_the_example(student):
    "The example of the text: a box that was removed removes nothing."
    boxes = torch.tensor([[0.0, 0, 4, 1], [1, 0, 5, 1], [2, 0, 6, 1]])
    assert_close(student.nms(boxes, torch.tensor([0.9, 0.8, 0.7])), torch.tensor([0, 2]))


def test_boxes_by_example(student, rng):
    "Whole numbers as coordinates, with equal scores among them, by several thresholds."
    for threshold in (0.0, 0.25, 0.5, 0.9):
        corner, size = integers(rng, -8, 9, 30, 2), integers(rng, 0, 10, 30, 2)
        boxes, scores = torch.cat([corner, corner + size], 1).float(), integers(rng, 0, 9, 30) / 8
        wanted = definition(boxes, scores, None, threshold)
        assert_close(student.nms(boxes, scores, threshold=threshold), wanted)


def test_labels_by_example(student):
    "Equal boxes with different labels are kept."
    boxes, scores = torch.tensor([[0.0, 0, 2, 2]]).repeat(4, 1), torch.tensor([0.1, 0.4, 0.2, 0.3])
    assert_close(student.nms(boxes, scores, torch.tensor([0, 1, 0, 1])), torch.tensor([1, 2]))


def test_integers_and_nothing_by_example(student):
    "Boxes of bytes, and no boxes at all."
    boxes = torch.tensor([[0, 0, 200, 200], [10, 0, 200, 200], [100, 201, 200, 250]], dtype=torch.uint8)
    assert_close(student.nms(boxes, torch.tensor([0.3, 0.2, 0.1])), torch.tensor([0, 2]))
    nothing = torch.zeros(0, dtype=torch.float64)
    assert_close(student.nms(nothing.view(0, 4), nothing), torch.zeros(0, dtype=torch.int64))


def test_refusals(student):
    "Other shapes, exchanged corners and thresholds outside should raise a ValueError; what fits should be right."
    boxes, scores = torch.tensor([[0.0, 0, 3, 2], [5, 5, 8, 9]]), torch.tensor([0.5, 0.9])
    assert_close(student.nms(boxes, scores), torch.tensor([1, 0]))  # so refusing everything does not pass
    for args in (
        *((boxes[:, :3], scores), (boxes, scores[:1]), (boxes, scores, torch.zeros(1)), (-boxes, scores)),
        *((boxes, scores, None, -0.5), (boxes, scores, None, 1.5)),
    ):
        assert_refuses(student.nms, *args)
