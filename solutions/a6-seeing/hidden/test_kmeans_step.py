"""Hidden suite: a step of k-means, pixel by pixel and cluster by cluster, in float64."""

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
    normal,
    scattered,
)

LABELS, CENTRES, COST = 0, 1, 2


def expected(features, centres):
    (images, pixels, _), clusters = features.shape, centres.shape[1]
    labels = torch.zeros(images, pixels, dtype=torch.int64)
    new, cost = centres.double().clone(), torch.zeros(images, dtype=torch.float64)
    for n in range(images):
        x, c = features[n].double(), centres[n].double()
        squares = torch.stack([(x - centre).square().sum(1) for centre in c], 1)
        least = squares.min(1).values
        for k in reversed(range(clusters)):
            labels[n, squares[:, k] == least] = k
        cost[n] = least.sum() / max(pixels, 1)
        order = sorted(range(pixels), key=lambda p: (-float(least[p]), p))
        for k in range(clusters):
            if (labels[n] == k).any():
                new[n, k] = x[labels[n] == k].mean(0)
            elif order:
                new[n, k] = x[order.pop(0)]
    return labels, new.to(features.dtype), cost.to(features.dtype)


def compare(student, which, features, centres):
    wanted = expected(features, centres)
    got = student.kmeans_step(features, centres)
    if not isinstance(got, list | tuple) or len(got) != 3:
        raise Mismatch("the result should be a tuple of labels, centres and cost", got, wanted)
    for index in which:
        assert_close(got[index], wanted[index])


def groups(rng, images=1, pixels=30, clusters=4, depth=3, dtype=torch.float32, apart=16.0):
    """Features around `clusters` points, and centres near these points: no cluster is empty, and no pixel torn.

    Values are multiples of 1/64, so that squared distances are exact in float32.
    """
    places = apart * torch.arange(clusters)[:, None] * torch.where(torch.arange(depth) % 2 == 0, 1.0, -1.0)
    labels = torch.arange(pixels) % clusters
    features = places[labels] + (normal(rng, images, pixels, depth) * 16).round().clamp(-50, 50) / 64
    centres = places + (normal(rng, images, clusters, depth) * 16).round().clamp(-20, 20) / 64
    return features.to(dtype), centres.to(dtype)


def with_far_pixels(rng, images=1):
    """Groups with three pixels in each image that are far from their centres, the farther the earlier they come."""
    features, centres = groups(rng, images)
    for n in range(images):
        features[n, 9 - n] += 9
        features[n, 14 + n] -= 6
        features[n, 20 + n] += 4
    return features, centres


def column(*values):
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1)


@pytest.mark.points(2)
def test_labels(student, rng):
    "A pixel belongs to the nearest centre, with the squared differences of all features added up."
    compare(student, [LABELS], *groups(rng))
    compare(student, [LABELS], (normal(rng, 1, 60, 3) * 64).round() / 64, (normal(rng, 1, 5, 3) * 64).round() / 64)
    compare(student, [LABELS], torch.tensor([[[3.0, 3.0]]]), torch.tensor([[[0.0, 2.5], [6.5, 3.0], [1.0, 1.0]]]))


@pytest.mark.points(2)
def test_centres(student, rng):
    "A centre moves to the mean of its own pixels, all the way."
    compare(student, [CENTRES], *groups(rng))
    compare(student, [CENTRES], *groups(rng, pixels=5, clusters=1))
    compare(student, [CENTRES], *groups(rng, pixels=5, clusters=4))
    compare(student, [CENTRES], *groups(rng, pixels=17, clusters=6, depth=2))


@pytest.mark.points(2)
def test_cost(student, rng):
    "The cost is the mean over pixels of the squared distance to the nearest of the centres that were given."
    compare(student, [COST], *groups(rng, apart=4.0))
    compare(student, [COST], *groups(rng, pixels=7, clusters=3, depth=5, apart=4.0))
    compare(student, [COST], *groups(rng, pixels=1, clusters=1))


@pytest.mark.points(2)
def test_ties_between_centres(student, rng):
    "If several centres are equally near, the one with the lowest index has the pixel."
    by = float(integers(rng, 0, 9))
    compare(student, [LABELS], column(0, 1, 2, 3, 4) + by, column(0, 2, 4) + by)
    compare(student, [LABELS], column(0, 1, 2, 3, 4) - by, column(4, 2, 0) - by)
    square = torch.tensor([[[-1.0, -1], [-1, 1], [1, -1], [1, 1]]])
    compare(student, [LABELS], torch.zeros(1, 3, 2) + by, square + by)


@pytest.mark.points(2)
def test_one_empty_cluster(student, rng):
    "A cluster without pixels moves to the pixel that is farthest from the centre of its cluster."
    features, centres = with_far_pixels(rng)
    for place in (0, 2, 4):
        far = torch.full((1, 1, 3), 1e3)
        compare(student, [CENTRES], features, torch.cat([centres[:, :place], far, centres[:, place:]], 1))


@pytest.mark.points(2)
def test_several_empty_clusters(student, rng):
    "Several empty clusters, from the lowest index up, take pixels from the farthest on, each its own."
    features, centres = with_far_pixels(rng)
    far = torch.full((1, 1, 3), 1e3)
    compare(student, [CENTRES], features, torch.cat([far, centres, far, -far], 1))
    compare(student, [CENTRES], features, torch.cat([centres[:, :1], -far, far, centres[:, 1:]], 1))
    compare(student, [CENTRES], column(1, 8, 10, 40), column(100, 0, 9, 101, 41))


@pytest.mark.points(2)
def test_pixels_that_are_equally_far(student, rng):
    "Among pixels that are equally far the one with the lowest index is taken first."
    by = float(integers(rng, 0, 9))
    features = column(-2, 5, 2, -5, 0, 0, 5, -5) + by
    for empty in (1, 2, 3, 4, 6):
        compare(student, [CENTRES], features, torch.cat([column(0), column(*range(50, 50 + empty))], 1) + by)
    # Many of them: a sort that is not stable leaves short lists in order.
    many = torch.eye(80)[None] + by
    others = torch.arange(90.0, 94.0)[:, None].expand(4, 80)
    compare(student, [CENTRES], many, torch.cat([torch.zeros(1, 80), others])[None] + by)


def test_farthest_from_the_centres_that_were_given(student):
    "How far a pixel is counts from the centre that was given, not from the one to which it moves."
    features = column(0, 8, 9, 10, 100, 102)
    compare(student, [CENTRES], features, column(0, 101, 500))


def test_the_other_clusters_stay(student, rng):
    "Where an empty cluster moves to a pixel, this pixel still has its label and counts in its own cluster."
    features, centres = with_far_pixels(rng)
    compare(student, [LABELS, CENTRES], features, torch.cat([centres, torch.full((1, 2, 3), 1e3)], 1))


def test_more_empty_clusters_than_pixels(student, rng):
    "Where no pixel is left for an empty cluster, it stays where it is."
    by = float(integers(rng, 0, 9))
    compare(student, [CENTRES], column(1, 4) + by, column(0, 30, 31, 32, 33) + by)
    compare(student, [CENTRES], column(3) + by, column(50, 2, 49, 48) + by)


def test_no_pixels(student, rng):
    "Without pixels all centres stay where they are, and the cost is 0."
    compare(student, [LABELS, CENTRES, COST], torch.zeros(2, 0, 3), normal(rng, 2, 4, 3))


def test_no_images(student):
    "A batch of no images has no labels, no centres and no cost, with the other axes as long as ever."
    compare(student, [LABELS, CENTRES, COST], torch.zeros(0, 7, 3), torch.zeros(0, 4, 3))


@pytest.mark.points(2)
def test_each_image_by_itself(student, rng):
    "Every image has its own centres, its own empty clusters and its own cost."
    features, centres = groups(rng, images=3)
    features = features * torch.tensor([1.0, 0.5, 2.0]).view(3, 1, 1)
    centres = centres * torch.tensor([1.0, 0.5, 2.0]).view(3, 1, 1)
    compare(student, [LABELS, CENTRES, COST], features, centres)


def test_empty_clusters_of_each_image(student, rng):
    "Which clusters are empty, and which pixels are far, each image says for itself."
    features, centres = with_far_pixels(rng, images=3)
    centres[0, 1], centres[1, 2], centres[2, 0] = 999.0, 998.0, -999.0
    for n in range(3):  # of the last cluster: one far along one feature, and one that is nearer, along all of them
        features[n, 3 + 4 * n, 0] += 64
        features[n, 27 - 4 * n] += torch.tensor([30.0, -30.0, 30.0])
    compare(student, [CENTRES], features, centres)


@pytest.mark.points(2)
def test_features_far_from_zero(student, rng):
    "Features may be far from zero and close to each other: subtract before you square."
    features, centres = (normal(rng, 1, n, 3) + 3e4 for n in (400, 4))
    squares = (features.double()[:, :, None] - centres.double()[:, None]).square().sum(3)
    least, second = squares.sort(2).values[0, :, :2].unbind(1)
    compare(student, [LABELS], features[:, least < second], centres)  # ties have a test of their own


def test_distances_that_are_small(student, rng):
    "Small distances are compared as exactly as large ones: neither rounding nor a small number added to them."
    features, centres = groups(rng)
    compare(student, [CENTRES, COST], features / 2**20, centres / 2**20)


def test_hundreds(student, rng):
    "There may be hundreds of clusters, of features or of pixels, or one of each."
    for pixels, clusters, depth in ((300, 150, 1), (9, 4, 300), (900, 2, 2), (1, 1, 1), (5, 1, 3)):
        compare(student, [CENTRES], *groups(rng, 1, pixels, clusters, depth))


def test_double_precision(student, rng):
    "In float64 centres and cost are float64 and right to their last digits."
    features, centres = groups(rng, dtype=torch.float64)
    compare(student, [CENTRES, COST], features + normal(rng, 1, 30, 3, dtype=torch.float64) / 100, centres)


def test_half_precision(student, rng):
    "In float16 squared distances may be too large for float16: compute in float32."
    features, centres = groups(rng, depth=2, dtype=torch.float16)
    compare(student, [CENTRES, COST], features, centres)
    compare(student, [CENTRES], features * 256, centres * 256)


def test_tensors_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded tensors should give what their copies give, however they lie in memory."
    features, centres = groups(rng, images=2)
    compare(student, [LABELS, CENTRES, COST], scattered(features), scattered(centres))
    compare(student, [LABELS, CENTRES, COST], features.mT.contiguous().mT, centres.mT.contiguous().mT)
    compare(student, [LABELS, CENTRES, COST], features[:1].expand(2, 30, 3), centres[:1].expand(2, 4, 3))


def test_leaves_its_inputs_alone(student, rng):
    "Features and centres should be afterwards what they were before, whatever their dtype."
    for dtype in (torch.float32, torch.float64, torch.float16):
        features, centres = groups(rng, images=2, dtype=dtype)
        assert_untouched(student.kmeans_step, features, centres)
        assert_untouched(student.kmeans_step, features, torch.cat([centres, centres + 900], 1))


@pytest.mark.points(2)
def test_refuses_shapes_that_do_not_fit(student, rng):
    "Other images or features than those of the centres should raise a ValueError, never broadcast."
    features, centres = groups(rng, images=2)
    student.kmeans_step(features, centres)  # so refusing everything does not pass
    for other in (centres[:1], centres[..., :1], centres[..., :2], centres[0], centres[0, 0], centres[None]):
        assert_refuses(student.kmeans_step, features, other)
    for other in (features[:1], features[..., :1], features[0], features[None], features.mT, features[:, 0]):
        assert_refuses(student.kmeans_step, other, centres)
    assert_refuses(student.kmeans_step, features[None], centres[None])
    assert_refuses(student.kmeans_step, features[0], centres[0])
    assert_refuses(student.kmeans_step, features, centres[:, 0])


def test_refuses_no_centres(student, rng):
    "Without centres there is no label to give: that should raise a ValueError, with pixels and without."
    features, centres = groups(rng)
    student.kmeans_step(features, centres)  # so refusing everything does not pass
    assert_refuses(student.kmeans_step, features, centres[:, :0])
    assert_refuses(student.kmeans_step, features[:, :0], centres[:, :0])


def with_empty(rng, empty, images=2, pixels=40):
    """One cluster, in which no two pixels are equally far, and as many empty ones as one likes."""
    features = torch.arange(1.0, pixels + 1)[:, None] + integers(rng, 0, 16, images, pixels, 1) / 64
    return features, torch.cat([torch.tensor([0.0]), 1e5 + torch.arange(empty)])[:, None].expand(images, empty + 1, 1)


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small inputs is right for large ones, by the same code: the loops are looked for in these."
    small = [groups(rng, 2, 9, 3, 2, apart=4)]
    large = [groups(rng, 3, 90, 7, 8, apart=4), groups(rng, 11, 30, 5, 4, apart=4)]
    assert_right_when_large(student.kmeans_step, expected, small, large)
    assert_right_when_large(student.kmeans_step, expected, [with_empty(rng, 3)], [with_empty(rng, 33, 7, 50)])


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with images, pixels, clusters or features: look for a loop, also a hidden one."
    shapes = [(3000, 2, 2, 1), (1, 6000, 2, 1), (1, 1500, 1500, 1), (1, 2, 2, 6000)]
    long = [lambda shape=shape: groups(rng, *shape) for shape in shapes]
    loop_free(student.kmeans_step, lambda n: groups(rng, n, 40, n + 1, n, apart=4), expected, (2, 4, 7), long)
    loop_free(student.kmeans_step, lambda n: groups(rng, 2, n, 3, 2, apart=4), expected, (5, 12, 25))


@pytest.mark.gate
def test_no_loop_over_empty_clusters(student, rng):
    "The work should not grow with the number of empty clusters: look for a loop over them."
    loop_free(
        student.kmeans_step, lambda n: with_empty(rng, n), expected, (2, 7, 15), [lambda: with_empty(rng, 800, 1, 900)]
    )
