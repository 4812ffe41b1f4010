"""What `check("normalised_cut")` tries."""

import pytest
import torch

from autograder.suite import assert_close, assert_refuses, loop_free, normal


def definition(affinity):
    """The best of all divisions in the order of the eigenvector, for one graph after another."""
    parts, costs = [], []
    for w in affinity.double():
        degree = w.sum(0)
        eigenvector = torch.linalg.eigh(torch.eye(len(w)) - w / (degree[:, None] * degree).sqrt())[1][:, 1]
        order, best = (eigenvector / degree.sqrt()).argsort(), None
        for t in range(1, len(w)):
            mark = torch.zeros(len(w), dtype=torch.bool)
            mark[order[:t]] = True
            cost = float(w[mark][:, ~mark].sum() * (1 / degree[mark].sum() + 1 / degree[~mark].sum()))
            if best is None or cost < best[0]:
                best = cost, ~mark if mark[0] else mark
        costs.append(best[0])
        parts.append(best[1])
    return torch.stack(parts), torch.tensor(costs, dtype=affinity.dtype)


def groups(rng, graphs, vertices):
    """Graphs of two groups that hang together weakly."""
    w = normal(rng, graphs, vertices, vertices).sigmoid() + 0.5
    w[:, : vertices // 3, vertices // 3 :] *= 0.04
    w[:, vertices // 3 :, : vertices // 3] *= 0.04
    return (w + w.mT) / 2


def test_the_example(student):
    "The example of the text: a chain of four vertices."
    w = torch.tensor([[[0.0, 3, 0, 0], [3, 0, 1, 0], [0, 1, 0, 3], [0, 0, 3, 0]]])
    wanted = torch.tensor([[False, False, True, True]]), torch.tensor([2 / 7])
    assert_close(student.normalised_cut(w), wanted)


def test_groups_by_example(student, rng):
    "Several graphs of two groups, with vertex 0 in the smaller one and in the larger one."
    w = groups(rng, 3, 8)
    assert_close(student.normalised_cut(w), definition(w))
    assert_close(student.normalised_cut(w.flip(1, 2)), definition(w.flip(1, 2)))


def test_unlike_degrees_by_example(student):
    "Chains in which the smallest cut is not the best, and the order by y is not that by z."
    for links in ([0.3, 2.0, 3.0, 0.4, 9.0, 9.0], [9.0, 3.0, 3.0, 1.0, 3.0, 0.1]):
        w = torch.diag(torch.tensor(links), 1)
        w = (w + w.T)[None]
        assert_close(student.normalised_cut(w), definition(w))


def test_weak_links_by_example(student, rng):
    "Two groups that hardly hang together: the cost is small, and right all the same."
    w = groups(rng, 1, 8)
    w[:, :2, 2:] *= 1e-5
    w[:, 2:, :2] *= 1e-5
    assert_close(student.normalised_cut(w), definition(w), 1e-3, 0.0)


def test_refusals(student, rng):
    "What is not a symmetric matrix of affinities should raise a ValueError; what fits should be right."
    w = groups(rng, 1, 4)
    assert_close(student.normalised_cut(w), definition(w))  # so refusing everything does not pass
    alone = w * torch.tensor([1.0, 1, 1, 0]) * torch.tensor([1.0, 1, 1, 0])[:, None]
    for other in (w[0], w[:, :3], w[:, :1, :1], w.triu(), -w, alone, w * torch.nan):
        assert_refuses(student.normalised_cut, other)


@pytest.mark.gate
def test_loops_nowhere(student, rng):
    "The work should not grow with graphs, vertices or divisions: look for a loop over one of them."
    loop_free(student.normalised_cut, lambda n: (groups(rng, n, 6),), definition, (2, 4, 7))
    loop_free(student.normalised_cut, lambda n: (groups(rng, 1, n),), definition, (6, 9, 14))
