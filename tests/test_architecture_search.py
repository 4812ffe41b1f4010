"""`pixelwise.architecture_search`: networks that train side by side are the networks that they would be alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from pixelwise import architecture_search, arithmetic
from pixelwise.architecture_search import CHANNELS, LAYERS, OPERATIONS, SPACE, Architecture, SideBySide
from pixelwise.arithmetic import Conv, Pool


def alone(together: SideBySide, architecture: Architecture, number: int) -> nn.Sequential:
    """The same network as ordinary modules, with the weights that it has among the others."""
    mine = slice(number * CHANNELS, (number + 1) * CHANNELS)

    def convolution(weights: torch.Tensor, **options: int) -> nn.Conv2d:
        out, per_group, *kernel = weights.shape
        groups = options.get("groups", 1)
        conv = nn.Conv2d(per_group * groups, out, tuple(kernel), bias=False, **options)
        conv.weight.data = weights.detach().clone()
        return conv

    layers = [convolution(together.stem[mine], stride=2, padding=1), nn.BatchNorm2d(CHANNELS), nn.ReLU()]
    for i, operation in enumerate(architecture):
        if i == LAYERS // 2:
            layers.append(nn.AvgPool2d(2))
        dense = together.dense[i, number]
        if operation == "none":
            continue
        if operation == "separable":
            depthwise = together.depthwise[i, number].transpose(0, 1)
            layers.append(convolution(depthwise, padding=1, groups=CHANNELS))
        pointwise = operation in ("1×1", "separable")
        layers.append(convolution(dense[..., 1:2, 1:2]) if pointwise else convolution(dense, padding=1))
        layers += [nn.BatchNorm2d(CHANNELS), nn.ReLU()]
    classifier = nn.Linear(together.classifier.shape[1], 10)
    classifier.weight.data = together.classifier[number].detach().T.clone()
    classifier.bias.data = together.bias[number, 0].detach().clone()
    return nn.Sequential(*layers, nn.Flatten(), classifier)


ARCHITECTURES = [
    ("none", "1×1", "separable", "3×3"),
    ("3×3", "separable", "none", "none"),
    ("separable", "3×3", "1×1", "1×1"),
]


def test_a_network_learns_side_by_side_what_it_would_learn_alone():
    torch.manual_seed(0)
    together = SideBySide(ARCHITECTURES).double()
    apart = [alone(together, a, i).double() for i, a in enumerate(ARCHITECTURES)]
    images, labels = torch.randn(12, 1, 8, 8, dtype=torch.float64), torch.randint(10, (12,))
    optimisers = [torch.optim.Adam(module.parameters(), lr=0.02) for module in (together, *apart)]
    for _ in range(4):
        logits = together(images)
        for i, network in enumerate(apart):
            assert_close(network(images), logits[:, i])
        losses = sum(F.cross_entropy(logits[:, i], labels) for i in range(len(apart)))
        for loss in (losses, *(F.cross_entropy(network(images), labels) for network in apart)):
            loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()


def test_the_space_holds_every_choice_once():
    assert len(set(SPACE)) == len(SPACE) == len(OPERATIONS) ** LAYERS


def test_it_does_not_matter_on_which_side_of_an_operation_none_stands():
    twins = [("none", "3×3", "separable", "none"), ("3×3", "none", "none", "separable")]
    both = SideBySide(twins)
    with torch.no_grad():
        both.stem[CHANNELS:] = both.stem[:CHANNELS].clone()
        both.dense[0, 1], both.dense[3, 1] = both.dense[1, 0].clone(), both.dense[2, 0].clone()
        both.depthwise[3, 1] = both.depthwise[2, 0].clone()
        both.classifier[1] = both.classifier[0].clone()
    logits = both(torch.randn(5, 1, 8, 8))
    assert_close(logits[:, 0], logits[:, 1])
    assert architecture_search.network(twins[0]) == architecture_search.network(twins[1])
    assert architecture_search.network(twins[0]) != architecture_search.network(("separable", "none", "none", "3×3"))


def test_each_half_of_the_space_holds_no_operation_one_or_two():
    kinds = len(OPERATIONS) - 1
    assert len({architecture_search.network(a) for a in SPACE}) == (1 + kinds + kinds**2) ** 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_macs_are_those_of_the_layers(architecture):
    made = {
        "none": [],
        "1×1": [Conv(1, channels=CHANNELS)],
        "separable": [Conv(3, padding=1, channels=CHANNELS, groups=CHANNELS), Conv(1, channels=CHANNELS)],
        "3×3": [Conv(3, padding=1, channels=CHANNELS)],
    }
    layers = [Conv(3, stride=2, padding=1, channels=CHANNELS)]
    for i, operation in enumerate(architecture):
        layers += [Pool(2)] * (i == LAYERS // 2) + made[operation]
    head = Conv(2, channels=10)  # the classifier reads the whole of the last map
    assert architecture_search.macs(architecture) == arithmetic.macs([*layers, head], (1, 8, 8))


def test_trained_networks_come_back_in_order_and_beat_chance():
    torch.manual_seed(0)
    labels = torch.arange(200) % 10
    images = torch.randn(10, 1, 8, 8)[labels] + 0.3 * torch.randn(200, 1, 8, 8)
    trained = architecture_search.train(ARCHITECTURES, images, labels, epochs=8, together=2)
    assert [networks.networks for networks in trained] == [2, 1]
    assert [tuple(OPERATIONS[i] for i in chosen) for networks in trained for chosen in networks.chosen] == ARCHITECTURES
    accuracy = architecture_search.accuracy(trained, images, labels)
    assert accuracy.shape == (3,)
    assert (accuracy > 0.5).all()


def test_an_unknown_operation_is_refused():
    with pytest.raises(KeyError, match="5×5"):
        SideBySide([("5×5", "none", "none", "none")])
