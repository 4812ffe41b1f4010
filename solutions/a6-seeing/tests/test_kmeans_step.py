"""What `check("kmeans_step")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, integers, loop_free


def definition(features, centres):
    """Pixel by pixel."""
    images, pixels = features.shape[:2]
    labels, new = torch.zeros(images, pixels, dtype=torch.int64), centres.clone()
    cost = torch.zeros(images, dtype=features.dtype)
    for n in range(images):
        least = []
        for p in range(pixels):
            squares = [float((features[n, p] - c).double().square().sum()) for c in centres[n]]
            least.append(min(squares))
            labels[n, p] = squares.index(min(squares))
        cost[n] = sum(least) / max(pixels, 1)
        order = sorted(range(pixels), key=lambda p: (-least[p], p))
        for k in range(centres.shape[1]):
            if (labels[n] == k).any():
                new[n, k] = features[n, labels[n] == k].mean(0)
            elif order:
                new[n, k] = features[n, order.pop(0)]
    return labels, new, cost


def column(*values):
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1)


def drawn(rng, images, pixels, clusters, depth):
    """Whole numbers, so that distances are exact and many are equal."""
    shapes = (images, pixels, depth), (images, clusters, depth)
    return tuple(integers(rng, -9, 10, *shape).float() for shape in shapes)


def test_the_example(student):
    "The example of the text: labels, new centres and cost, with one empty cluster and with two."
    features, labels, cost = column(0, 1, 2, 9), torch.tensor([[0, 0, 0, 1]]), torch.tensor([4.5])
    assert_close(student.kmeans_step(features, column(1, 5, 20)), (labels, column(1, 9, 9), cost))
    assert_close(student.kmeans_step(features, column(1, 5, 20, 21)), (labels, column(1, 9, 9, 0), cost))


def test_ties_by_example(student):
    "A pixel halfway between two centres belongs to the one with the lower index."
    labels = torch.tensor([[1, 0, 0]])
    assert_close(student.kmeans_step(column(0, 1, 2), column(2, 0)), (labels, column(1.5, 0), torch.tensor([1 / 3])))


def test_images_by_example(student, rng):
    "Several images with whole numbers as features, with clusters that are empty and clusters that are not."
    for images, pixels, clusters, depth in ((2, 9, 3, 2), (3, 6, 8, 1), (1, 20, 1, 4), (0, 3, 2, 2)):
        features, centres = drawn(rng, images, pixels, clusters, depth)
        assert_close(student.kmeans_step(features, centres), definition(features, centres))


def test_features_far_from_zero_by_example(student, rng):
    "Features may be far from zero and close to each other: subtract before you square."
    features, centres = (10_000 + x for x in drawn(rng, 1, 40, 4, 3))
    assert_close(student.kmeans_step(features, centres), definition(features, centres))


def test_few_pixels_by_example(student):
    "There may be no pixels at all, or fewer than empty clusters."
    for features in (column(), column(7)):
        centres = column(0, 20, 30)
        assert_close(student.kmeans_step(features, centres), definition(features, centres))


def test_refusals(student, rng):
    "Other images or features, and no centres, should raise a ValueError; what fits should be right."
    features, centres = drawn(rng, 2, 5, 3, 2)
    wanted = definition(features, centres)
    assert_close(student.kmeans_step(features, centres), wanted)  # so refusing everything does not pass
    for other in (centres[:1], centres[..., :1], centres[0], centres[:, :0]):
        assert_refuses(student.kmeans_step, features, other)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with images, pixels, clusters or features: look for a loop over one of them."
    loop_free(student.kmeans_step, lambda n: drawn(rng, n, 10, n + 1, n), definition, (2, 4, 7))
    loop_free(student.kmeans_step, lambda n: drawn(rng, 1, n, 6, 1), definition, (5, 9, 14))
