"""Hidden suite: three accuracies, against sums over the classes in Python's own numbers."""

import math
from fractions import Fraction

import pytest
import torch

from autograder.suite import (
    Mismatch,
    assert_close,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)

PIXEL, CLASS, CONSTANT = 0, 1, 2


def expected(matrix):
    shape = matrix.shape[:-2]
    found = [_of_one(rows) for rows in matrix.reshape(math.prod(shape), *matrix.shape[-2:]).tolist()]
    numbers = torch.tensor(found, dtype=torch.float64).reshape(-1, 3)
    return tuple(numbers[:, k].reshape(shape) for k in range(3))


def _of_one(rows):
    """Exact, in fractions: counts are whole numbers in any dtype."""
    rows = [[int(count) for count in row] for row in rows]
    true = [sum(row) for row in rows]
    if not (pixels := sum(true)):
        return [math.nan] * 3
    shares = [Fraction(rows[i][i], true[i]) for i in range(len(rows)) if true[i]]
    right = sum(rows[i][i] for i in range(len(rows)))
    return [right / pixels, float(sum(shares) / len(shares)), max(true) / pixels]


def unlike(rng, *shape):
    """Matrices whose rows have unlike sums, so that no wrong mean comes near the right one by chance."""
    return integers(rng, 1, 90, *shape) * (torch.arange(shape[-2]) % 7 + 1)[:, None]


def compare(student, matrix, which=(PIXEL, CLASS, CONSTANT), exact=False):
    got, wanted = student.accuracies(matrix), expected(matrix)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of three tensors", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index], rtol=None if exact else 1e-5)


@pytest.mark.points(2)
def test_pixel_accuracy(student, rng):
    "The first number is the share of all pixels that lie on the diagonal."
    compare(student, integers(rng, 1, 90, 5, 5), [PIXEL])


@pytest.mark.points(2)
def test_mean_class_accuracy(student, rng):
    "The second number divides each diagonal entry by the sum of its row, the truth, and gives classes the same weight."
    compare(student, integers(rng, 1, 90, 5, 5) * torch.tensor([[1], [40], [3], [900], [7]]), [CLASS])
    compare(student, torch.tensor([[5, 2, 4], [0, 1, 0], [3, 0, 9]]), [CLASS])  # a class of a single pixel


@pytest.mark.points(2)
def test_classes_that_the_truth_does_not_contain(student, rng):
    "A class without true pixels is left out of the mean altogether, whether or not it was predicted."
    matrix = integers(rng, 1, 90, 6, 6)
    matrix[1], matrix[4] = 0, 0
    compare(student, matrix, [CLASS])
    matrix[:, 4] = 0
    compare(student, matrix, [CLASS])


@pytest.mark.points(2)
def test_constant_prediction(student, rng):
    "The third number is the share of the most frequent true class: what one label for all pixels gets right."
    matrix = integers(rng, 1, 90, 5, 5)
    matrix[:, 2] += 500  # predicted most often
    matrix[3] += 40
    compare(student, matrix, [CONSTANT])
    compare(student, matrix.flip(0, 1), [CONSTANT])


def test_a_class_that_is_never_right(student, rng):
    "A class that the truth contains and that was never found has the accuracy 0, which counts."
    matrix = integers(rng, 1, 90, 4, 4)
    matrix[2, 2] = 0
    compare(student, matrix)
    compare(student, torch.tensor([[0, 3], [5, 0]]))


@pytest.mark.points(2)
def test_a_matrix_for_each_image(student, rng):
    "Axes before the last two stay as they are: every matrix has its own three numbers."
    for shape in ((4, 3, 3), (3, 3, 3), (2, 5, 4, 4), (1, 2, 2), (1, 1, 3, 3)):
        compare(student, integers(rng, 1, 90, *shape))


def test_images_lack_other_classes(student, rng):
    "Each matrix leaves out the classes that its own truth does not contain."
    matrices = integers(rng, 1, 90, 3, 4, 4)
    matrices[0, 1], matrices[1, 3] = 0, 0
    compare(student, matrices)


def test_no_matrices(student):
    "No matrices at all have no numbers, in tensors of length zero."
    compare(student, torch.zeros(0, 4, 4, dtype=torch.int64))
    compare(student, torch.zeros(2, 0, 3, 3, dtype=torch.int64))


def test_no_pixels(student, rng):
    "Where no pixel counted all three numbers are NaN, and those of other matrices are not concerned."
    compare(student, torch.zeros(3, 3, dtype=torch.int64))
    matrices = integers(rng, 1, 90, 3, 4, 4)
    matrices[1] = 0
    compare(student, matrices)


def test_one_class(student):
    "With a single class every pixel is right."
    compare(student, torch.tensor([[7]]))


def test_double_precision(student, rng):
    "The results should be float64 and right to its last digits, for counts of millions and more."
    compare(student, integers(rng, 10**6, 10**9, 3, 4, 4), exact=True)
    compare(student, integers(rng, 2**24, 2**30, 4, 4) * 2**12 + 1, exact=True)


def test_counts_of_32_bits(student, rng):
    "A sum of int32 counts may be larger than int32 can hold."
    compare(student, integers(rng, 2**29, 2**31 - 1, 5, 5, dtype=torch.int32))
    compare(student, integers(rng, 2**29, 2**31 - 1, 2, 3, 3, dtype=torch.int32))


def test_floating_point_counts(student, rng):
    "Counts may come in a floating-point dtype, and the results are float64 all the same."
    compare(student, integers(rng, 1, 10**6, 5, 5, dtype=torch.float32))
    compare(student, integers(rng, 1, 10**9, 5, 5, dtype=torch.float64))


def test_matrices_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded matrices should give what their copies give, however they lie in memory."
    compare(student, scattered(integers(rng, 1, 90, 3, 4, 4)))
    compare(student, integers(rng, 1, 90, 4, 4, 3).permute(2, 0, 1))
    compare(student, integers(rng, 1, 90, 4, 4).T.expand(3, 4, 4))


def test_leaves_the_matrix_alone(student, rng):
    "The matrix should be afterwards what it was before, whatever its dtype."
    for dtype in (torch.int64, torch.float64, torch.float32):
        assert_untouched(student.accuracies, integers(rng, 1, 90, 4, 4, dtype=dtype))
        assert_untouched(student.accuracies, integers(rng, 0, 2, 3, 4, 4, dtype=dtype))


def test_hundreds_of_classes(student, rng):
    "There may be hundreds of classes, and each counts."
    compare(student, unlike(rng, 300, 300))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for few small matrices is right for many large ones, by the same code: loops are looked for here."
    batches = [(unlike(rng, *shape),) for shape in ((2, 3, 3), (41, 6, 6), (2, 60, 60))]
    assert_right_when_large(student.accuracies, expected, batches[:1], batches[1:])
    single = [(unlike(rng, n, n),) for n in (5, 43)]
    assert_right_when_large(student.accuracies, expected, single[:1], single[1:])


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with classes or matrices: look for a loop over one of them, also a hidden one."
    matrices = lambda n: (unlike(rng, n, 4, 4),)  # noqa: E731
    classes = lambda n: (unlike(rng, 2, n, n),)  # noqa: E731
    long = [lambda: (unlike(rng, 20_000, 2, 2),), lambda: (unlike(rng, 900, 900),)]
    loop_free(student.accuracies, matrices, expected, (4, 7, 12), clocked=long)
    loop_free(student.accuracies, classes, expected, (4, 7, 12))
