"""The training loop that chapters share."""

import pytest
import torch
from torch import nn

from pixelwise.train import error, fit, rate_factor


@pytest.fixture
def task():
    """Two classes of 40 points each, apart along the first of three axes."""
    labels = torch.arange(80) % 2
    points = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
    points[:, 0] += 6 * (labels - 0.5)
    return points, labels


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_a_separable_task_is_learned(task):
    network = linear()
    losses = fit(network, *task, steps=60)
    assert len(losses) == 60
    assert losses[-1] < losses[0]
    assert error(network, *task) <= 0.05


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(task):
    runs = [fit(linear(), *task, steps=5, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_what_requires_no_gradient_stays_as_it_is(task):
    frozen, head = nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2)
    before = [weights.clone() for weights in (frozen.weight, frozen.bias, head.weight)]
    fit(nn.Sequential(frozen, head), *task, steps=3)
    assert torch.equal(frozen.weight, before[0]) and torch.equal(frozen.bias, before[1])
    assert not torch.equal(head.weight, before[2])


def test_every_image_is_seen_once_before_any_is_seen_twice(task):
    points, labels = task
    seen = []

    class Watching(nn.Linear):
        def forward(self, x):
            seen.extend(x[:, 0].tolist())
            return super().forward(x)

    fit(Watching(3, 2), points, labels, steps=4, batch=20)
    assert sorted(seen) == sorted(points[:, 0].tolist())


def test_fewer_images_than_a_batch_are_all_used_at_every_step(task):
    points, labels = task
    sizes = []

    class Watching(nn.Linear):
        def forward(self, x):
            sizes.append(len(x))
            return super().forward(x)

    fit(Watching(3, 2), points[:6], labels[:6], steps=3, batch=32)
    assert sizes == [6, 6, 6]


def test_the_rate_rises_then_falls_twice_by_ten():
    factors = [rate_factor(step, 100) for step in range(100)]
    assert factors[:10] == sorted(factors[:10]) and 0 < factors[0] < factors[9] < 1
    assert set(factors[10:60]) == {1.0} and set(factors[60:85]) == {0.1} and set(factors[85:]) == {0.01}


def test_the_error_is_counted_in_evaluation_mode_and_leaves_the_mode_alone():
    network = nn.Sequential(nn.Dropout(0.9), nn.Identity())
    logits, labels = torch.eye(4), torch.tensor([0, 1, 2, 0])
    assert error(network.train(), logits, labels) == 0.25
    assert network.training


@pytest.mark.parametrize("images, labels", [(3, 2), (0, 0)])
def test_images_and_labels_that_do_not_match_are_refused(images, labels):
    with pytest.raises(ValueError, match="one label per image"):
        fit(linear(), torch.zeros(images, 3), torch.zeros(labels, dtype=torch.long), steps=1)
