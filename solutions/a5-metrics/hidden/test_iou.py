"""Hidden suite: IoU by each rule, against fractions of Python's whole numbers."""

import math
from fractions import Fraction

import pytest
import torch

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)

CLASSES, MEAN = 0, 1
RULES = ("skip", "truth", "zero", "one")


def expected(matrices, absent="skip", per_image=False):
    images, classes = matrices.shape[0], matrices.shape[-1]
    rows = [[[int(count) for count in row] for row in matrix] for matrix in matrices.tolist()]
    if not per_image:
        rows = [[[sum(m[i][j] for m in rows) for j in range(classes)] for i in range(classes)]]
    scores, means = [], []
    for n in rows:
        true, labelled = [sum(row) for row in n], [sum(column) for column in zip(*n, strict=True)]
        unions = [true[k] + labelled[k] - n[k][k] for k in range(classes)]
        score = [Fraction(n[k][k], unions[k]) if unions[k] else None for k in range(classes)]
        scores.append([math.nan if s is None else float(s) for s in score])
        if absent == "truth":
            score = [s for s, t in zip(score, true, strict=True) if t]
        elif absent != "skip":
            score = [Fraction(absent == "one") if s is None else s for s in score]
        means.append(_mean(score))
    table = torch.tensor(scores, dtype=torch.float64).reshape(images if per_image else 1, classes)
    mean = _mean(means)
    return table if per_image else table[0], torch.tensor(
        math.nan if mean is None else float(mean), dtype=torch.float64
    )


def _mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def compare(student, matrices, *args, which=(CLASSES, MEAN), exact=False, **parameters):
    got, wanted = student.iou(matrices, *args, **parameters), expected(matrices, *args, **parameters)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of the classes' scores and their mean", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index], rtol=None if exact else 1e-5)


def with_absent(rng, *images, classes=5):
    """Matrices in which class 1 is in neither map, and class 3 is predicted only."""
    matrices = integers(rng, 1, 60, *images, classes, classes)
    matrices[..., 1, :], matrices[..., :, 1], matrices[..., 3, :] = 0, 0, 0
    return matrices


@pytest.mark.points(2)
def test_scores_of_the_classes(student, rng):
    "The intersection is on the diagonal; the union is row sum plus column sum, less the intersection."
    compare(student, integers(rng, 1, 60, 1, 5, 5), which=[CLASSES])


@pytest.mark.points(2)
def test_over_the_data_set(student, rng):
    "Over the data set matrices are added up first: the mean of the images' scores is another number."
    compare(student, integers(rng, 1, 60, 4, 3, 3), which=[CLASSES])
    compare(student, integers(rng, 1, 60, 3, 3, 3), per_image=False, which=[CLASSES])


@pytest.mark.points(2)
def test_absent_classes_are_nan(student, rng):
    "Among the classes' scores one that is in neither map is NaN by every rule; one that is only predicted is 0."
    for absent in RULES:
        compare(student, with_absent(rng, 2), absent, which=[CLASSES])


def test_mean_of_classes(student, rng):
    "Where every class occurs in the truth all rules give the same mean."
    matrices = integers(rng, 1, 60, 2, 4, 4)
    for absent in RULES:
        compare(student, matrices, absent, which=[MEAN])


@pytest.mark.points(2)
def test_skip(student, rng):
    "By `skip`, also when no rule is given, a class in neither map is left out; one that is only predicted counts as 0."
    compare(student, with_absent(rng, 2), which=[MEAN])
    compare(student, with_absent(rng, 2), "skip", which=[MEAN])


@pytest.mark.points(2)
def test_truth(student, rng):
    "By `truth` a class that the truth does not contain is left out, whether or not it was predicted."
    compare(student, with_absent(rng, 2), "truth", which=[MEAN])


@pytest.mark.points(2)
def test_zero_and_one(student, rng):
    "By `zero` and `one` a class in neither map has that score in a mean over all classes; a predicted one has 0."
    for absent in ("zero", "one"):
        compare(student, with_absent(rng, 2), absent, which=[MEAN])


@pytest.mark.points(2)
def test_scores_per_image(student, rng):
    "Per image each image has its own row of scores."
    for images, classes in ((4, 3), (3, 3), (1, 5)):
        compare(student, integers(rng, 1, 60, images, classes, classes), per_image=True, which=[CLASSES])
    compare(student, with_absent(rng, 3), per_image=True, which=[CLASSES])


@pytest.mark.points(2)
def test_mean_per_image(student, rng):
    "Per image the mean over classes comes first, by the rule, and all images then weigh the same."
    matrices = integers(rng, 1, 60, 3, 4, 4)
    matrices[0, :, 1], matrices[0, 1, :], matrices[1, 2:, :], matrices[1, :, 2:] = 0, 0, 0, 0
    for absent in RULES:
        compare(student, matrices, absent, True, which=[MEAN])


def test_images_in_which_no_class_counts(student, rng):
    "An image in which no class counts is left out of the mean over images, and has a row of NaN."
    matrices = integers(rng, 1, 60, 3, 3, 3)
    matrices[1] = 0
    for absent in RULES:
        compare(student, matrices, absent, True)


def test_nothing_at_all(student):
    "Where no class counts in any image, the mean is NaN; by `zero` and `one` it is that number."
    for absent in RULES:
        compare(student, torch.zeros(2, 3, 3, dtype=torch.int64), absent)
        compare(student, torch.zeros(2, 3, 3, dtype=torch.int64), absent, per_image=True)


def test_no_images(student):
    "Without images all classes are absent from the data set, and per image there is nothing to average."
    for absent in RULES:
        compare(student, torch.zeros(0, 4, 4, dtype=torch.int64), absent)
        compare(student, torch.zeros(0, 4, 4, dtype=torch.int64), absent, True)


def test_few_pixels(student):
    "A class of a single pixel is there, be that pixel true, predicted or both."
    for single in ([[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]):
        for absent in RULES:
            compare(student, torch.tensor([single]), absent)


def test_one_class(student):
    "With a single class everything is right."
    compare(student, torch.tensor([[[7]], [[2]]]))
    compare(student, torch.tensor([[[7]], [[0]]]), "one", True)


def test_double_precision(student, rng):
    "Scores and mean should be float64 and right to its last digits, for counts of millions and more."
    for most in (10**9, 10**12):
        matrices = integers(rng, 10**6, most, 3, 4, 4)
        compare(student, matrices, exact=True)
        compare(student, matrices, per_image=True, exact=True)


def test_counts_of_32_bits(student, rng):
    "A sum of int32 counts may be larger than int32 can hold, within a matrix and over the images."
    compare(student, integers(rng, 2**27, 2**30, 9, 3, 3, dtype=torch.int32))
    compare(student, integers(rng, 2**29, 2**31 - 1, 2, 5, 5, dtype=torch.int32), per_image=True)


def test_matrices_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded matrices should give what their copies give, however they lie in memory."
    for per_image in (False, True):
        compare(student, scattered(integers(rng, 1, 60, 3, 4, 4)), per_image=per_image)
        compare(student, integers(rng, 1, 60, 4, 4, 3).permute(2, 0, 1), per_image=per_image)
        compare(student, integers(rng, 1, 60, 4, 4).expand(3, 4, 4), per_image=per_image)


def test_leaves_the_matrices_alone(student, rng):
    "The matrices should be afterwards what they were before, by every rule, over the data set and per image."
    for absent in RULES:
        assert_untouched(student.iou, with_absent(rng, 2), absent)
        assert_untouched(student.iou, with_absent(rng, 2).double(), absent, True)


def test_hundreds_of_classes(student, rng):
    "There may be hundreds of classes, and each counts."
    compare(student, integers(rng, 0, 3, 1, 200, 200))


def test_refuses_other_rules(student, rng):
    "A rule that does not exist should raise a ValueError, over the data set and per image."
    matrices = integers(rng, 1, 60, 2, 3, 3)
    student.iou(matrices, "zero")  # so refusing everything does not pass
    for absent in ("", "nan", "Skip", "ones", "present"):
        assert_refuses(student.iou, matrices, absent)
        assert_refuses(student.iou, matrices, absent, True)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for few small matrices is right for many large ones, by the same code: loops are looked for here."
    small = [(integers(rng, 1, 60, 3, 5, 5),), (integers(rng, 1, 60, 2, 3, 3), "skip", True)]
    large = [(integers(rng, 1, 60, 41, 6, 6),), (integers(rng, 1, 60, 2, 40, 40),)]
    assert_right_when_large(student.iou, expected, small[:1], large)
    assert_right_when_large(student.iou, expected, small[1:], [(large[0][0], "skip", True), (large[1][0], "one", True)])


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with classes or images: look for a loop over one of them, also a hidden one."
    images = lambda n: (integers(rng, 1, 60, n, 4, 4), "one", True)  # noqa: E731
    classes = lambda n: (integers(rng, 1, 60, 2, n, n),)  # noqa: E731
    long = [lambda: (integers(rng, 1, 60, 9000, 2, 2), "skip", True), lambda: (integers(rng, 1, 60, 1, 500, 500),)]
    loop_free(student.iou, images, expected, (4, 7, 12), clocked=long)
    loop_free(student.iou, classes, expected, (4, 7, 12))
