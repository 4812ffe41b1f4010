"""The zoo's saliency networks: the layers of the published definitions, what they compute, and that they learn."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import zoo
from pixelwise.saliency_metrics import correlation
from pixelwise.tracing import trace
from pixelwise.zoo import saliency

pytestmark = pytest.mark.usefixtures("one_thread")


def windows(traced):
    return [(row.kind, row.output_shape) for row in traced.rows if row.kind[:4] in ("Conv", "MaxP", "Line")]


def test_the_shallow_network_has_the_published_sizes():
    traced = zoo.MODELS["saliency_shallow"].trace()
    assert windows(traced) == [
        ("Conv2d", (32, 92, 92)),
        ("MaxPool2d", (32, 46, 46)),
        ("Conv2d", (64, 44, 44)),
        ("MaxPool2d", (64, 22, 22)),
        ("Conv2d", (64, 20, 20)),
        ("MaxPool2d", (64, 10, 10)),
        ("Linear", (2 * 48 * 48,)),
        ("Linear", (48 * 48,)),
    ]
    convolutions = 32 * (3 * 25 + 1) + 64 * (32 * 9 + 1) + 64 * (64 * 9 + 1)
    assert traced.parameters == convolutions + (6400 + 1) * 4608 + (2304 + 1) * 2304


def test_the_deep_network_has_the_published_sizes_and_weights():
    traced = zoo.MODELS["saliency_deep"].trace()
    widths = (96, 256, 512, 512, 512, 256, 128, 32, 1)
    sides = ((240, 320), (120, 160), *[(60, 80)] * 7)
    found = [row for row in traced.rows if row.kind == "Conv2d"]
    assert [row.output_shape for row in found] == [(c, *side) for c, side in zip(widths, sides, strict=True)]
    squares = (49, 25, 9, 25, 25, 49, 121, 121, 169)
    weights = [
        made * (before * square + 1) for before, made, square in zip((3, *widths), widths, squares, strict=False)
    ]
    assert [row.parameters for row in found] == weights
    assert traced.parameters == sum(weights) + 64
    assert traced.row("features.conv9").receptive_field.jump == (4, 4)


@pytest.mark.parametrize(("name", "shape"), [("saliency_shallow", (48, 48)), ("saliency_deep", (240, 320))])
def test_each_maps_an_image_to_one_map_and_knows_no_classes(name, shape):
    with torch.device("meta"):
        network = zoo.build(name)
        assert network(torch.zeros(2, *zoo.MODELS[name].input_shape)).shape == (2, *shape)
        with pytest.raises(TypeError):
            zoo.build(name, classes=12)


@torch.no_grad()
def test_the_shallow_network_computes_what_its_layers_say():
    torch.manual_seed(0)
    network = saliency.Shallow(32, (4, 5, 6), 3).double()
    x = torch.randn(2, 3, 32, 32, dtype=torch.double)
    y = x
    for name in ("conv1", "conv2", "conv3"):
        layer = network.features.get_submodule(name)
        y = F.max_pool2d(F.conv2d(y, layer.weight, layer.bias).relu(), 2)
    both = (y.flatten(1) @ network.fc4.weight.T + network.fc4.bias).relu()
    larger = torch.maximum(both[:, 0::2], both[:, 1::2])
    expected = (larger @ network.fc5.weight.T + network.fc5.bias).reshape(2, 3, 3)
    torch.testing.assert_close(network(x), expected)


@torch.no_grad()
def test_upsampling_begins_as_bilinear_interpolation():
    network = saliency.Deep(**saliency.SMALL_DEEP)
    x = torch.randn(2, 1, 6, 9)
    inner = (..., slice(4, -4), slice(4, -4))
    expected = F.interpolate(x, scale_factor=4, mode="bilinear")
    torch.testing.assert_close(network.upsample(x)[inner], expected[inner])


@pytest.mark.parametrize("size", [(64, 64), (48, 48), (4, 4), (20, 36)])
@torch.no_grad()
def test_the_deep_network_keeps_sizes_that_are_multiples_of_four(size):
    assert saliency.Deep(**saliency.SMALL_DEEP).eval()(torch.rand(2, 3, *size)).shape == (2, *size)


@torch.no_grad()
def test_moving_the_image_moves_the_deep_map_and_the_shallow_network_knows_where_it_looks():
    torch.manual_seed(0)
    x = torch.zeros(1, 3, 64, 64)
    x[..., 28:36, 24:32] = torch.rand(3, 8, 8)
    moved = x.roll(8, dims=3)
    deep = saliency.Deep(**(saliency.SMALL_DEEP | {"kernels": (3,) * 9})).eval()
    inner = (..., slice(28, 36), slice(28, 36))
    torch.testing.assert_close(deep(moved).roll(-8, 2)[inner], deep(x)[inner])
    shallow = saliency.Shallow(**(saliency.SMALL_SHALLOW | {"side": 64, "map_side": 16})).eval()
    assert not torch.allclose(shallow(moved), shallow(x).roll(2, 2), atol=1e-3)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: saliency.Shallow(16), "Images of 16×16 pixels are too small"),
        (lambda: saliency.Shallow(32, map_side=4)(torch.zeros(1, 3, 32, 40)), "reads images of 32×32 pixels, not of"),
        (lambda: saliency.Deep(widths=(3,) * 7), "8 widths and 9 odd kernels, not 7 widths"),
        (lambda: saliency.Deep(kernels=(3,) * 8 + (4,)), "8 widths and 9 odd kernels"),
        (lambda: saliency.Deep(**saliency.SMALL_DEEP)(torch.zeros(1, 3, 30, 32)), "multiples of 4"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_small_versions_are_small_and_only_the_batch_normalised_one_has_no_lrn():
    small = trace(saliency.Deep(**saliency.SMALL_DEEP).eval(), (3, 48, 48))
    assert small.parameters < 100_000 and not any(row.kind == "LocalResponseNorm" for row in small.rows)
    assert sum(isinstance(layer, nn.LocalResponseNorm) for layer in saliency.Deep().modules()) == 1
    assert trace(saliency.Shallow(**saliency.SMALL_SHALLOW), (3, 48, 48)).parameters < 1_000_000


@pytest.mark.parametrize("kind", ["shallow", "deep"])
def test_each_learns_one_batch(kind):
    torch.manual_seed(0)
    shallow = {"side": 32, "widths": (8, 16, 16), "map_side": 16}
    deep = saliency.SMALL_DEEP | {"widths": (8,) * 8}
    network = saliency.Shallow(**shallow) if kind == "shallow" else saliency.Deep(**deep)
    target = torch.zeros(8, 32, 32)
    for place, one in enumerate(target):
        one[2 * place : 2 * place + 8, 20 - 2 * place : 28 - 2 * place] = 1
    images = target[:, None].expand(-1, 3, -1, -1) + 0.1 * torch.randn(8, 3, 32, 32)
    truth = F.avg_pool2d(target, 2) if kind == "shallow" else target
    optimiser = torch.optim.Adam(network.parameters(), 0.003 if kind == "shallow" else 0.01)
    for _ in range(80):
        optimiser.zero_grad()
        F.mse_loss(network(images), truth).backward()
        assert all(weights.grad.isfinite().all() for weights in network.parameters())
        optimiser.step()
    assert correlation(network(images).detach(), truth).mean() > 0.7
