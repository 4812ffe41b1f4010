"""What `check("accuracies")` tries."""

import pytest
import torch

from autograder.suite import assert_close, integers, loop_free


def definition(matrix):
    """Matrix by matrix and class by class."""
    found = []
    for n in matrix.double().reshape(-1, *matrix.shape[-2:]):
        shares = [float(n[i, i] / n[i].sum()) for i in range(len(n)) if n[i].sum() > 0]
        mean = sum(shares) / len(shares) if shares else float("nan")
        found.append([float(n.trace() / n.sum()), mean, float(n.sum(1).max() / n.sum())])
    numbers = torch.tensor(found, dtype=torch.float64).reshape(-1, 3)
    return tuple(numbers[:, k].reshape(matrix.shape[:-2]) for k in range(3))


EXAMPLE = torch.tensor([[4, 2, 0], [1, 0, 1], [0, 0, 0]])


def test_the_example(student):
    "The example of the text: a class without true pixels is left out of the mean, and results are float64 tensors."
    expected = tuple(torch.tensor(share, dtype=torch.float64) for share in (4 / 8, 1 / 3, 6 / 8))
    assert_close(student.accuracies(EXAMPLE), expected)


def test_rows_are_the_truth(student, rng):
    "A class's accuracy is the share of its true pixels that are right, so one divides by the sum of its row."
    matrix = integers(rng, 1, 50, 4, 4)
    assert_close(student.accuracies(matrix), definition(matrix))


def test_a_matrix_for_each_image_by_example(student, rng):
    "Axes before the last two stay, and each matrix has its own three numbers."
    for shape in ((3, 4, 4), (2, 3, 4, 4), (0, 3, 3)):
        matrices = integers(rng, 1, 50, *shape)
        assert_close(student.accuracies(matrices), definition(matrices))


def test_no_pixels_by_example(student):
    "Where no pixel counted there is no share: NaN three times, and the neighbours are as always."
    matrices = torch.stack([EXAMPLE, 0 * EXAMPLE])
    assert_close(student.accuracies(matrices), definition(matrices))


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with classes or matrices: look for a loop over one of them."
    loop_free(student.accuracies, lambda n: (integers(rng, 1, 50, n, n + 1, n + 1),), definition)
