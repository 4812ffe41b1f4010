"""What `check("iou")` tries."""

import math

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, integers, loop_free


def mean(values):
    values = [value for value in values if not math.isnan(value)]
    return sum(values) / len(values) if values else math.nan


def definition(matrices, absent="skip", per_image=False):
    """Image by image and class by class."""
    matrices = matrices.double()
    groups = matrices if per_image else matrices.sum(0, keepdim=True)
    scores, means = [], []
    for n in groups:
        right, true, labelled = n.diagonal().tolist(), n.sum(1).tolist(), n.sum(0).tolist()
        unions = [t + p - r for r, t, p in zip(right, true, labelled, strict=True)]
        scores.append([r / u if u else math.nan for r, u in zip(right, unions, strict=True)])
        counted = [s for s, t in zip(scores[-1], true, strict=True) if t or absent != "truth"]
        if absent in ("zero", "one"):
            counted = [float(absent == "one") if math.isnan(s) else s for s in counted]
        means.append(mean(counted))
    classes = torch.tensor(scores, dtype=torch.float64).reshape(len(groups), matrices.shape[-1])
    return classes if per_image else classes[0], torch.tensor(mean(means), dtype=torch.float64)


EXAMPLE = torch.tensor([[[3, 1], [0, 0]], [[2, 0], [0, 0]]])
RULES = ("skip", "truth", "zero", "one")


def test_the_example(student):
    "The example of the text over the data set: a union counts the intersection once, and 0/1 is 0."
    classes = torch.tensor([5 / 6, 0], dtype=torch.float64)
    assert_close(student.iou(EXAMPLE), (classes, torch.tensor(5 / 12, dtype=torch.float64)))


def test_the_example_per_image(student):
    "The example of the text per image: every image has its own scores and its own mean."
    classes = torch.tensor([[3 / 4, 0], [1, math.nan]], dtype=torch.float64)
    for absent, score in (("skip", 11 / 16), ("one", 11 / 16), ("zero", 7 / 16), ("truth", 7 / 8)):
        assert_close(student.iou(EXAMPLE, absent, True), (classes, torch.tensor(score, dtype=torch.float64)))


def test_each_rule(student):
    "A class that is in neither map is NaN by every rule; what the mean makes of it the rule says."
    matrices = torch.tensor([[[5, 2, 1, 0], [1, 6, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
    for absent in RULES:
        assert_close(student.iou(matrices, absent), definition(matrices, absent))


def test_matrices_are_added_up(student, rng):
    "Over the data set the matrices are added up before anything is divided."
    matrices = integers(rng, 0, 20, 4, 3, 3)
    assert_close(student.iou(matrices), definition(matrices))
    assert_close(student.iou(matrices, per_image=True), definition(matrices, per_image=True))


def test_images_without_a_class(student):
    "An image in which no class counts is left out of the mean over images."
    matrices = torch.cat([EXAMPLE, 0 * EXAMPLE])
    for absent in RULES:
        assert_close(student.iou(matrices, absent, True), definition(matrices, absent, True))


def test_refuses_another_rule(student):
    "A rule that does not exist should raise a ValueError."
    student.iou(EXAMPLE, "one")  # so refusing everything does not pass
    assert_refuses(student.iou, EXAMPLE, "nan")


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with classes or images: look for a loop over one of them."
    loop_free(student.iou, lambda n: (integers(rng, 1, 50, n, n + 1, n + 1),), definition)
    loop_free(student.iou, lambda n: (integers(rng, 1, 50, n, 3, 3), "one", True), definition)
