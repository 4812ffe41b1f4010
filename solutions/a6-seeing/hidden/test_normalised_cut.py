"""Hidden suite: normalised cuts, one graph and one division after another, in float64."""

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

PARTS, COST = 0, 1


def expected(affinity):
    parts = torch.zeros(affinity.shape[:2], dtype=torch.bool)
    cost = torch.zeros(len(affinity), dtype=torch.float64)
    for number, w in enumerate(affinity.double()):
        degree = w.sum(1)
        scaled = w / degree.outer(degree).sqrt()
        # The second largest eigenvalue of this matrix is the second smallest of the Laplacian.
        order = (torch.linalg.eigh(scaled).eigenvectors[:, -2] / degree.sqrt()).argsort()
        found = []
        for t in range(1, len(w)):
            a, b = order[:t], order[t:]
            cut = w[a][:, b].sum()
            found.append((float(cut / degree[a].sum() + cut / degree[b].sum()), t))
        cost[number], t = min(found)
        parts[number, order[t:]] = True
        parts[number] ^= parts[number, 0].clone()
    return parts, cost.to(affinity.dtype)


def cost_alone(affinity):
    """The expected cost; the marks of the parts have a test of their own."""
    return None, expected(affinity)[COST]


def compare(student, which, affinity, marks=False):
    """Compare parts and cost; unless ``marks`` are the matter, with the part of vertex 0 marked as it should be."""
    wanted = expected(affinity)
    got = student.normalised_cut(affinity)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise Mismatch("the result should be a tuple of the parts and their cost", got, wanted)
    parts = got[PARTS]
    if not marks and isinstance(parts, torch.Tensor) and parts.dtype == torch.bool and parts.ndim == 2:
        got = (parts ^ parts[:, :1], got[COST])
    for index in which:
        assert_close(got[index], wanted[index], atol=0.0)


# Seeds of graphs in which other eigenvectors, thresholds and costs lead to other parts.
TELLING = (1034, 914, 294, 633, 1314, 1428)


def graph(seed, vertices=13):
    """A graph of points in two clouds, a third of them in one, with unlike masses; its entries are exact in float16."""
    fixed = torch.Generator().manual_seed(seed)
    side = (torch.arange(vertices) * 3 >= 2 * vertices).double()
    points = normal(fixed, vertices, 2, dtype=torch.float64) + side[:, None] * torch.tensor([2.2, 0.4])
    near = torch.exp(-(points[:, None] - points).square().sum(2) / 2)
    mass = torch.exp(0.8 * normal(fixed, vertices, dtype=torch.float64))
    near = near * mass[:, None] * mass
    near = (near + near.T) / 2
    return (near / near.max() * 1024).round() / 1024


def shuffled(rng, w):
    """The graph with its vertices in another order and its affinities in another unit."""
    order = torch.randperm(len(w), generator=rng)
    return (w[order][:, order] * 2.0 ** int(integers(rng, -2, 3)))[None]


def chain(*links):
    w = torch.diag(torch.tensor(links), 1)
    return (w + w.T)[None]


def blocks(rng, graphs, vertices, between=0.03, dtype=torch.float32):
    """Graphs of two groups, one of them of every third vertex, that hang together weakly."""
    group = torch.arange(vertices) % 3 > 0
    w = 0.5 + 0.5 * normal(rng, graphs, vertices, vertices).sigmoid()
    w = w * torch.where(group[:, None] == group, 1.0, between)
    return ((w + w.mT) / 2).to(dtype)


@pytest.mark.points(4)
def test_parts(student, rng):
    "The parts are those of the smallest normalised cut in the order by y: check eigenvector, order and cost."
    for seed in TELLING:
        compare(student, [PARTS], shuffled(rng, graph(seed)).float())


@pytest.mark.points(2)
def test_cost(student, rng):
    "The cost is the cut, each affinity between the parts once, times the sum of both inverse volumes."
    compare(student, [COST], blocks(rng, 1, 9))
    compare(student, [COST], chain(4.0, 4.0, 1.0, 4.0, 4.0, 4.0))


@pytest.mark.points(2)
def test_chains(student):
    "A chain is divided at its weak link, also near an end."
    for links in ((3.0, 0.25, 3.0, 2.0), (2.0, 3.0, 3.0, 0.5), (5.0, 0.5, 5.0, 5.0, 5.0), (0.01, 3.0, 3.0)):
        compare(student, [PARTS, COST], chain(*links))


@pytest.mark.points(2)
def test_marks(student, rng):
    "Vertex 0 is in the part that is marked False, whatever the sign of the eigenvector and wherever vertex 0 lies."
    w = blocks(rng, 1, 7)
    for by in range(7):
        compare(student, [PARTS], w.roll((by, by), (1, 2)), marks=True)


@pytest.mark.points(2)
def test_affinity_to_itself(student, rng):
    "Degrees are sums of whole rows: the affinity of a vertex to itself counts."
    w = blocks(rng, 1, 9)
    for vertex in (2, 6):
        w[0, vertex, vertex] += 3
        compare(student, [COST], w)


def test_two_and_three_vertices(student):
    "Two vertices have a single division, and three have two."
    compare(student, [PARTS, COST], chain(0.7))
    compare(student, [PARTS, COST], chain(0.7, 0.2))
    compare(student, [PARTS, COST], chain(0.1, 0.9))


@pytest.mark.points(2)
def test_each_graph_by_itself(student, rng):
    "Every graph has its own order, parts and cost."
    compare(student, [PARTS, COST], torch.cat([shuffled(rng, graph(seed)) for seed in TELLING]).float())
    w = blocks(rng, 3, 7)
    compare(student, [PARTS, COST], torch.stack([w[0], w[1].roll((2, 2), (0, 1)), w[2].roll((4, 4), (0, 1))]))


def test_no_graphs(student):
    "Without graphs there are no parts and no cost."
    compare(student, [PARTS, COST], torch.zeros(0, 4, 4))


def test_hundreds_of_vertices(student, rng):
    "A graph may have hundreds of vertices."
    order = torch.randperm(150, generator=rng)
    compare(student, [PARTS, COST], blocks(rng, 1, 150, between=0.002)[:, order][:, :, order])


def test_missing_links(student, rng):
    "Affinities may be 0, as long as every vertex has a neighbour."
    w = blocks(rng, 1, 12)
    w[0, (torch.arange(12)[:, None] - torch.arange(12)).abs() > 8] = 0
    compare(student, [PARTS, COST], w)


@pytest.mark.points(2)
def test_weak_links(student, rng):
    "A cost may be small beside the volumes: compute in float64, in which a difference of large sums keeps its digits."
    for between in (1e-5, 1e-7):
        compare(student, [PARTS, COST], blocks(rng, 1, 9, between))


def test_units(student, rng):
    "All affinities multiplied by one number give the same parts and the same cost."
    w = blocks(rng, 4, 8)
    for unit in (1e-20, 1e-9, 1e9, 1e20):
        compare(student, [PARTS, COST], w * unit)


def test_double_precision(student, rng):
    "In float64 the cost is float64 and right to its last digits."
    compare(student, [PARTS, COST], blocks(rng, 4, 9, dtype=torch.float64))


def test_half_precision(student, rng):
    "In float16 degrees and volumes may be too large for float16."
    compare(student, [PARTS, COST], blocks(rng, 1, 9, dtype=torch.float16))
    compare(student, [PARTS, COST], 900 * blocks(rng, 1, 90, dtype=torch.float16))


def test_matrices_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded matrices should give what their copies give, however they lie in memory."
    w = blocks(rng, 2, 9)
    compare(student, [PARTS, COST], scattered(w))
    compare(student, [PARTS, COST], w.mT)
    compare(student, [PARTS, COST], w[:1].expand(3, 9, 9))


def test_leaves_the_affinities_alone(student, rng):
    "The affinities should be afterwards what they were before, whatever their dtype."
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert_untouched(student.normalised_cut, blocks(rng, 2, 7, dtype=dtype))


def test_refuses_other_shapes(student, rng):
    "A matrix that is not square, fewer than two vertices and other numbers of axes should raise a ValueError."
    w = blocks(rng, 3, 4)
    student.normalised_cut(w)  # so refusing everything does not pass
    for other in (w[:, :3], w[..., :3], w[0], w[None], w[0, 0], w[:, :1, :1], w[:, :0, :0]):
        assert_refuses(student.normalised_cut, other)


@pytest.mark.points(2)
def test_refuses_what_is_not_symmetric(student, rng):
    "A matrix that is not exactly symmetric should raise a ValueError, however small the difference is."
    w = blocks(rng, 2, 5)
    student.normalised_cut(w)  # so refusing everything does not pass
    for by in (0.5, 1e-6):
        for place in ((0, 1, 2), (1, 4, 1)):
            other = w.clone()
            other[place] += by
            assert_refuses(student.normalised_cut, other)


def test_refuses_affinities_below_zero(student, rng):
    "A negative affinity should raise a ValueError, on the diagonal and beside it."
    w = blocks(rng, 2, 5)
    student.normalised_cut(w)  # so refusing everything does not pass
    for i, j in ((1, 3), (2, 2), (0, 4)):
        other = w.clone()
        other[1, i, j] = other[1, j, i] = -0.01
        assert_refuses(student.normalised_cut, other)


def test_refuses_what_is_not_finite(student, rng):
    "An affinity that is NaN or infinite should raise a ValueError, on the diagonal and beside it."
    for vertices, i, j in ((5, 3, 2), (4, 1, 0), (2, 0, 0)):
        w = blocks(rng, 2, vertices)
        student.normalised_cut(w)  # so refusing everything does not pass
        for value in (torch.nan, torch.inf):
            other = w.clone()
            other[1, i, j] = other[1, j, i] = value
            assert_refuses(student.normalised_cut, other)


def test_refuses_vertices_without_neighbours(student, rng):
    "A vertex of degree 0 should raise a ValueError; one with an affinity to itself alone has another degree."
    w = blocks(rng, 2, 5)
    student.normalised_cut(w)  # so refusing everything does not pass
    for vertex in (0, 3):
        other = w.clone()
        other[1, vertex], other[1, :, vertex] = 0, 0
        assert_refuses(student.normalised_cut, other)
    assert_refuses(student.normalised_cut, torch.tensor([[[0.0, 0.0], [0.0, 3.0]]]))


@pytest.mark.gate
def test_large_inputs(student, rng):
    "What is right for small graphs is right for large ones, by the same code: the loops are looked for in these."
    small, large = (
        [(blocks(rng, 4, 8),), (blocks(rng, 5, 9),)],
        [(blocks(rng, 9, 14),), (blocks(rng, 2, 52, between=0.01),)],
    )
    assert_right_when_large(student.normalised_cut, cost_alone, small, large)


@pytest.mark.gate
def test_no_loop(student, rng):
    "The work should not grow with graphs, vertices or divisions: look for a loop, also a hidden one."
    long = [lambda: (blocks(rng, 5000, 2),)]
    loop_free(student.normalised_cut, lambda n: (blocks(rng, n, 9),), cost_alone, (2, 5, 9), long)
    loop_free(student.normalised_cut, lambda n: (blocks(rng, 2, n),), cost_alone, (6, 11, 23))
