"""The parts of DeepLab, PSPNet and UperNet one by one, and what the networks made of them can do."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import zoo
from pixelwise.train import fit
from pixelwise.zoo import deeplab, pspnet, resnet
from tests.test_zoo_dilated import SMALL, convolution, count, draw_, on_meta, small

pytestmark = pytest.mark.usefixtures("one_thread")


# Parts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_upsampling_keeps_each_unit_at_its_pixel_and_is_the_papers_on_their_sizes(factor):
    x = torch.randn(2, 3, 4, 6, dtype=torch.double)
    whole = deeplab.upsampled(x, factor, 4 * factor, 6 * factor)
    torch.testing.assert_close(whole[:, :, ::factor, ::factor], x)
    size = (3 * factor + 1, 5 * factor + 1)
    corners = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
    torch.testing.assert_close(whole[:, :, : size[0], : size[1]], corners)
    torch.testing.assert_close(deeplab.upsampled(x, factor, *size), corners)
    behind = whole[:, :, :, size[1] - 1 :]
    torch.testing.assert_close(behind, behind[..., :1].expand_as(behind))
    straight = torch.arange(4.0, dtype=torch.double)[None, None, :, None] * factor
    found = deeplab.upsampled(straight, factor, size[0], 1).flatten()
    torch.testing.assert_close(found, torch.arange(size[0], dtype=torch.double))


@torch.no_grad()
def test_pyramid_pooling_is_the_mean_of_each_region_beside_the_map():
    torch.manual_seed(0)
    pooling = pspnet.PyramidPooling(6, 4).double().eval()
    x = torch.randn(2, 6, 12, 18, dtype=torch.double)
    found = pooling(x)
    assert found.shape == (2, 6 + 4 * 4, 12, 18)
    assert torch.equal(found[:, :6], x)
    for place, count_ in enumerate(pspnet.BINS):
        level = pooling.levels[f"bins{count_}"]
        regions = x.unflatten(3, (count_, -1)).unflatten(2, (count_, -1)).mean(dim=(3, 5))
        values = torch.einsum("ncij,dc->ndij", regions, level.conv.weight[:, :, 0, 0]) / (1 + level.norm.eps) ** 0.5
        made = found[:, 6 + 4 * place : 10 + 4 * place]
        torch.testing.assert_close(made, F.interpolate(values.relu(), size=(12, 18), mode="bilinear"))


@pytest.mark.parametrize("bins", [2, 3, 6])
@torch.no_grad()
def test_the_mean_of_a_region_stands_at_the_middle_of_the_region(bins):
    """So that means of a map that grows evenly, interpolated, are the map, between the outermost regions' middles."""
    pooling = pspnet.PyramidPooling(1, 1, [bins]).double().eval()
    level = pooling.levels[f"bins{bins}"]
    level.conv.weight.fill_((1 + level.norm.eps) ** 0.5)
    ramp = torch.arange(18.0, dtype=torch.double).expand(1, 1, 12, 18)
    half = 18 // bins // 2
    torch.testing.assert_close(pooling(ramp)[:, 1:, :, half:-half], ramp[..., half:-half])


@torch.no_grad()
def test_the_pyramid_of_v3_is_its_five_branches():
    torch.manual_seed(0)
    pyramid = draw_(deeplab.Pyramid(6, 4, (6, 12, 18))).double().eval()
    x = torch.randn(2, 6, 9, 11, dtype=torch.double)

    def ours(branch, values, rate=1):
        weight, norm = branch.conv.weight, branch.norm
        made = F.conv2d(values, weight, padding=rate * (weight.shape[-1] // 2), dilation=rate)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return ((made - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]).relu()

    parts = [ours(pyramid.branches["rate0"], x)]
    parts += [ours(pyramid.branches[f"rate{rate}"], x, rate) for rate in (6, 12, 18)]
    parts.append(ours(pyramid.image, x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, 9, 11))
    torch.testing.assert_close(pyramid(x), ours(pyramid.fuse, torch.cat(parts, dim=1)))


@torch.no_grad()
def test_a_rate_as_large_as_the_map_leaves_the_middle_tap_alone():
    """Section 3.3 of DeepLab v3: far taps read nothing but padding, which is why the pyramid has a mean of the map."""
    branch = resnet.rectified(3, 4, 3, dilation=9).eval()
    x = torch.randn(1, 3, 9, 9)
    middle = resnet.rectified(3, 4, 1).eval()
    middle.conv.weight.copy_(branch.conv.weight[:, :, 1:2, 1:2])
    torch.testing.assert_close(branch(x), middle(x))
    x = torch.randn(1, 3, 10, 10)
    assert not torch.allclose(branch(x), middle(x))


@torch.no_grad()
def test_the_scores_of_v2_are_the_sum_of_those_of_its_branches():
    network = small("deeplab_v2_vgg16").eval()
    x = torch.rand(1, 3, 40, 33)
    whole, parts = network(x), []
    branches = dict(network.head.named_children())
    assert list(branches) == ["rate6", "rate12", "rate18", "rate24"]
    for branch in branches.values():
        network.head = branch
        parts.append(network(x))
    torch.testing.assert_close(whole, sum(parts))


def watched(network):
    """What each part is given and what it makes, filled when the network runs."""
    given, made = {}, {}
    for name, part in network.named_modules():

        def keep(_, x, y, name=name):
            given[name], made[name] = x[0], y

        part.register_forward_hook(keep)
    return given, made


@torch.no_grad()
def test_upernet_adds_each_map_to_the_upsampled_one_before_and_fuses_all_four():
    network = small("upernet_resnet50").double().eval()
    given, made = watched(network)
    network(torch.rand(1, 3, 65, 97, dtype=torch.double))

    def like(x, other):  # sides are a multiple of 32 and one more, as in the papers
        return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=True)

    x, levels = made["pyramid"], [made["pyramid"]]
    for name in ("conv4", "conv3", "conv2"):
        assert torch.equal(given[f"lateral.{name}"], made[f"encoder.{name}"])
        x = made[f"lateral.{name}"] + like(x, made[f"lateral.{name}"])
        torch.testing.assert_close(given[f"smooth.{name}"], x)
        levels.insert(0, made[f"smooth.{name}"])
    torch.testing.assert_close(given["fuse"], torch.cat([like(level, levels[0]) for level in levels], dim=1))


@torch.no_grad()
def test_deeplab_v3plus_reads_the_pyramid_and_the_reduced_map_of_conv2():
    network = small("deeplab_v3plus_resnet101").double().eval()
    given, made = watched(network)
    scores = network(torch.rand(1, 3, 65, 97, dtype=torch.double))
    assert torch.equal(given["reduce"], made["encoder.conv2"])
    coarse = F.interpolate(made["aspp"], size=(17, 25), mode="bilinear", align_corners=True)
    torch.testing.assert_close(given["decoder.conv1"], torch.cat([coarse, made["reduce"]], dim=1))
    torch.testing.assert_close(
        scores, F.interpolate(made["decoder"], size=(65, 97), mode="bilinear", align_corners=True)
    )


@pytest.mark.parametrize(("size", "units"), [((321, 321), (41, 41)), ((320, 322), (40, 41)), ((1, 8), (1, 1))])
def test_the_vgg_of_deeplab_has_a_unit_for_each_eight_pixels_begun(size, units):
    network = on_meta(zoo.build, "deeplab_v1")
    assert network.encoder(torch.zeros(1, 3, *size, device="meta")).shape[2:] == units


def test_the_auxiliary_head_of_pspnet_speaks_only_while_training():
    network = small("pspnet_resnet50", auxiliary=True)
    x = torch.rand(2, 3, 33, 50)
    logits = network(x)
    assert [one.shape for one in logits] == [(2, 5, 33, 50)] * 2
    sum(one.square().mean() for one in logits).backward()
    assert network.encoder.conv4[0].path.conv1.conv.weight.grad.any()
    assert network.auxiliary.score.weight.grad.any()
    with torch.no_grad():
        assert network.eval()(x).shape == (2, 5, 33, 50)
    assert count(network) - count(small("pspnet_resnet50")) == count(network.auxiliary)
    full = on_meta(zoo.build, "pspnet_resnet50", auxiliary=True)
    assert count(full.auxiliary) == convolution(1024, 256, 3)[1] + convolution(256, 150, 1)[0]


# Whole networks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_a_network_of_symmetric_kernels_labels_a_mirrored_image_with_the_mirrored_labels(name):
    network = small(name).double().eval()
    for weights in network.parameters():
        if weights.ndim == 4:
            weights.copy_((weights + weights.flip(-1, -2) + weights.flip(-1) + weights.flip(-2)) / 4)
    x = torch.rand(1, 3, 65, 97, dtype=torch.double)  # of a multiple of 32 and one more, every stride keeps the ends
    for axes in ((-1,), (-2,)):
        torch.testing.assert_close(network(x.flip(axes)), network(x).flip(axes))


@pytest.mark.parametrize("name", [name for name in SMALL if "torchvision" not in name])
@torch.no_grad()
def test_scores_move_with_the_image_by_as_many_pixels(name):
    """Far from the border, and where no mean over the whole map is read."""
    network = small(name).double().eval()
    network.apply(forget_means_)
    side = 32 * 45 + 1
    image = torch.zeros(1, 3, 17, side, dtype=torch.double)
    image[..., side // 2 - 24 : side // 2 + 24] = torch.rand(1, 3, 17, 48, dtype=torch.double)
    here, there = network(image), network(image.roll(32, dims=-1))
    middle = slice(side // 2 - 100, side // 2 + 100)
    assert here[..., middle].std() > 0
    torch.testing.assert_close(there[..., 32:][..., middle], here[..., :-32][..., middle])


def forget_means_(part):
    for child in getattr(part, "levels", {}).values():
        nn.init.zeros_(child.conv.weight)
    if isinstance(part, deeplab.Pyramid):
        nn.init.zeros_(part.image.conv.weight)


@pytest.mark.parametrize("name", ["deeplab_v1, normalised", "deeplab_v3plus_resnet101", "upernet_resnet50"])
def test_a_small_network_learns_one_batch_by_heart(name):
    torch.manual_seed(0)
    options = {
        "deeplab_v1, normalised": {"dropout": 0.0},
        "deeplab_v3plus_resnet101": {"depth": 18, "width": 8, "grid": (1, 2)},
        "upernet_resnet50": {"depth": 18, "width": 8},
    }[name]
    network = zoo.build(name.split(",")[0], classes=3, **{**SMALL[name], **options})
    images = torch.rand(2, 3, 32, 32)
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[0, :, 13:], labels[1, 8:24] = 1, 2
    losses = fit(network, images, labels, steps=120, recipe="adamw", learning_rate=0.01)
    assert losses[0] > 0.5
    assert losses[-1] < 0.2
