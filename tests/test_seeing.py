"""Maps, patches, dreams and their scores: against definitions written out in float64; and a network stays as it was."""

import math
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import seeing
from pixelwise.arithmetic import receptive_field
from pixelwise.data import VOID
from pixelwise.data.scenes import CLASSES
from pixelwise.seeing.classifier import LEAST, folded
from pixelwise.tracing import trace


def close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def small(seed=0, head="mean"):
    """A ReLU network in float64 with max pooling, (N, 2, 8, 8) to (N, 3)."""
    torch.manual_seed(seed)
    layers = OrderedDict(
        conv1=nn.Conv2d(2, 4, 3, padding=1), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2), conv2=nn.Conv2d(4, 5, 3, padding=1)
    )
    layers["relu2"] = nn.ReLU()
    if head == "mean":
        layers |= {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "scores": nn.Linear(5, 3)}
    else:
        layers |= {"flatten": nn.Flatten(), "fc": nn.Linear(80, 7), "relu3": nn.ReLU(), "scores": nn.Linear(7, 3)}
    return nn.Sequential(layers).double()


def images(count=3, seed=1):
    return torch.randn(count, 2, 8, 8, generator=torch.Generator().manual_seed(seed)).double()


# Backward passes by a rule -------------------------------------------------------------------------------------------


def by_hand(network, x, k, rule):
    """The backward pass of `small(head="mean")`, each step written out, without autograd."""

    def back(arriving, a):
        passed = arriving.clone()
        if rule in ("gradient", "guided"):
            passed[a <= 0] = 0
        if rule in ("deconvnet", "guided"):
            passed[passed < 0] = 0
        return passed

    a1 = F.conv2d(x, network.conv1.weight, network.conv1.bias, padding=1)
    pooled, switches = F.max_pool2d(a1.clamp(min=0), 2, return_indices=True)
    a2 = F.conv2d(pooled, network.conv2.weight, network.conv2.bias, padding=1)
    arriving = network.scores.weight[k][None, :, None, None].expand_as(a2) / 16
    below = F.conv_transpose2d(back(arriving, a2), network.conv2.weight, padding=1)
    unpooled = torch.zeros_like(a1).flatten(2).scatter(2, switches.flatten(2), below.flatten(2)).view_as(a1)
    return F.conv_transpose2d(back(unpooled, a1), network.conv1.weight, padding=1)


@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided"])
def test_each_rule_is_the_backward_pass_written_by_hand(rule):
    network, x = small(), images()
    with torch.no_grad():
        for k in range(3):
            close(seeing.gradient(network, x, k, rule), by_hand(network, x, k, rule))


def test_the_three_rules_on_four_numbers():
    """What arrives is (1, 2, -1, -2), and the ReLU's inputs are (3, -1, 2, -2)."""

    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return (self.relu(x) * torch.tensor([1.0, 2, -1, -2])).sum(dim=(2, 3))

    x = torch.tensor([3.0, -1, 2, -2])[None, None, None]
    found = {rule: seeing.gradient(Weighted(), x, 0, rule).flatten().tolist() for rule in seeing.maps.RULES}
    assert found == {"gradient": [1, 0, -1, 0], "deconvnet": [1, 2, 0, 0], "guided": [1, 0, 0, 0]}


def test_the_gradient_is_the_limit_of_differences():
    network, x = small(head="fc"), images(1)
    found = seeing.gradient(network, x, 2)
    for at in ((0, 0, 0, 0), (0, 1, 3, 5), (0, 0, 7, 7)):
        step = torch.zeros_like(x)
        step[at] = 1e-6
        slope = (network(x + step)[0, 2] - network(x - step)[0, 2]) / 2e-6
        assert found[at].item() == pytest.approx(slope.item(), abs=1e-8)


def test_each_image_may_have_its_own_unit_and_units_of_maps_have_three_indices():
    network, x = small(), images()
    found = seeing.gradient(network, x, torch.tensor([2, 0, 1]), "guided")
    close(found, torch.cat([seeing.gradient(network, x[i : i + 1], k, "guided") for i, k in enumerate((2, 0, 1))]))
    early = network[:5]
    one = x.clone().requires_grad_()
    early(one)[:, 3, 1, 2].sum().backward()
    close(seeing.gradient(early, x, (3, 1, 2)), one.grad)


# Grad-CAM ------------------------------------------------------------------------------------------------------------


def grad_cam_by_loops(network, x, k, layer):
    names = [name for name, _ in network.named_children()]
    cut = names.index(layer) + 1
    found = []
    for image in x:
        maps = network[:cut](image[None]).detach().requires_grad_()
        (slope,) = torch.autograd.grad(network[cut:](maps)[0, k], maps)
        _, channels, height, width = maps.shape
        heat = [[0.0] * width for _ in range(height)]
        for c in range(channels):
            weight = sum(slope[0, c, i, j].item() for i in range(height) for j in range(width)) / (height * width)
            for i in range(height):
                for j in range(width):
                    heat[i][j] += weight * maps[0, c, i, j].item()
        found.append([[max(0.0, value) for value in row] for row in heat])
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("layer", ["relu1", "pool1", "conv2", "relu2"])
@pytest.mark.parametrize("head", ["mean", "fc"])
def test_grad_cam_is_its_definition_by_loops(head, layer):
    network, x = small(head=head), images()
    for k in range(3):
        close(seeing.grad_cam(network, x, k, layer), grad_cam_by_loops(network, x, k, layer))


def test_before_global_average_pooling_grad_cam_is_cam_but_for_a_constant():
    """CAM weights the channels by the linear layer (Zhou et al., 2016): h·w = 16 times as much."""
    network, x = small(), images()
    with torch.no_grad():
        maps = network[:5](x)
        for k in range(3):
            cam = torch.einsum("c,nchw->nhw", network.scores.weight[k], maps)
            close(16 * seeing.grad_cam(network, x, k, "relu2"), cam.clamp(min=0))


def test_maps_are_enlarged_by_half_pixel_centres():
    found = seeing.enlarged(torch.tensor([[[0.0, 3.0]]]), (1, 4))
    assert found.tolist() == [[[0.0, 0.75, 2.25, 3.0]]]


# Occlusion -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (8, 8), (1, 1), (5, 5), (4, 3)])
@pytest.mark.parametrize("batch", [1, 7, 256])
def test_an_occlusion_map_is_a_loop_over_squares(size, stride, batch):
    network, x, colour = small(head="fc"), images(), torch.tensor([0.5, -1.0]).double()
    starts = [*range(0, 8 - size, stride), 8 - size]
    with torch.no_grad():
        for i, k in enumerate((2, 0, 1)):
            drops = [[[] for _ in range(8)] for _ in range(8)]
            for top in starts:
                for left in starts:
                    covered = x[i].clone()
                    for c in range(2):
                        covered[c, top : top + size, left : left + size] = colour[c]
                    drop = (network(x[i : i + 1])[0, k] - network(covered[None])[0, k]).item()
                    for row in range(top, top + size):
                        for column in range(left, left + size):
                            drops[row][column].append(drop)
            expected = torch.tensor([[sum(d) / len(d) for d in row] for row in drops]).double()
            found = seeing.occlusion(network, x, torch.tensor([2, 0, 1]), size, stride, colour, batch)
            torch.testing.assert_close(found[i], expected, rtol=1e-5, atol=1e-7)


def test_under_single_pixels_a_linear_score_falls_by_weight_times_pixel():
    network = nn.Sequential(nn.Flatten(), nn.Linear(9, 1, bias=False)).double()
    x = torch.arange(9.0).double().view(1, 1, 3, 3)
    close(seeing.occlusion(network, x, 0, 1, 1)[0].flatten(), (network[1].weight[0] * x.flatten()).detach())


# Patches -------------------------------------------------------------------------------------------------------------


def test_a_patch_is_the_receptive_field_pixel_by_pixel_also_beyond_the_border():
    network = small()
    field = trace(network, (2, 8, 8)).row("relu2").receptive_field
    assert field.size == (8, 8)
    image = torch.arange(128.0).view(2, 8, 8)
    for row in range(4):
        for column in range(4):
            found = seeing.patch(image, field, row, column, outside=-1.0)
            top, left, bottom, right = field.box(row, column)
            assert found.shape == (2, bottom - top + 1, right - left + 1)
            for c in range(2):
                for i in range(top, bottom + 1):
                    for j in range(left, right + 1):
                        inside = 0 <= i < 8 and 0 <= j < 8
                        assert found[c, i - top, j - left] == (image[c, i, j] if inside else -1.0)


def test_a_field_that_lies_wholly_beyond_the_border_is_all_outside():
    field = receptive_field([])
    assert seeing.patch(torch.ones(1, 4, 4), field, -2, 1, outside=7.0).tolist() == [[[7.0]]]
    assert seeing.patch(torch.ones(1, 4, 4), field, 1, 9, outside=7.0).tolist() == [[[7.0]]]


@pytest.mark.parametrize("unit", [(0, 0), (3, 3), (1, 2), (0, 3)])
def test_a_unit_changes_with_the_pixels_of_its_patch_and_no_others(unit):
    network, x = small(3), images(1)
    top, left, bottom, right = trace(network, (2, 8, 8)).row("conv2").receptive_field.box(*unit)
    reached = torch.zeros(8, 8, dtype=torch.bool)
    for seed in range(20):  # a pooling window passes the gradient on to one of its pixels
        reached |= seeing.gradient(network[:4], images(1, seed), (0, *unit)).abs().sum(dim=(0, 1)) > 0
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = True
    assert torch.equal(reached, inside)
    assert x.shape[2:] == inside.shape


def test_the_strongest_patches_are_the_largest_values_one_an_image():
    network, x = small(), images(6)
    maps = network[:5](x).detach()
    other, found = seeing.strongest(network, x, "relu2", [0, 2], count=4, shown=x + 100, outside=-5.0)
    assert [maps[one.image, 0, one.row, one.column].item() for one in other] == [one.value for one in other]
    values = maps[:, 2].flatten(1).amax(dim=1)
    assert [one.value for one in found] == sorted(values.tolist(), reverse=True)[:4]
    for one in found:
        assert maps[one.image, 2, one.row, one.column] == one.value == values[one.image]
        top, left, bottom, right = one.box
        assert torch.equal(
            one.pixels[:, max(-top, 0) : 8 - top, max(-left, 0) : 8 - left],
            (x + 100)[one.image, :, max(top, 0) : bottom + 1, max(left, 0) : right + 1],
        )


# Scores of maps ------------------------------------------------------------------------------------------------------


def test_pointing_and_mass_by_hand():
    mask = torch.tensor([[[True, False], [True, False]]]).expand(5, 2, 2)
    maps = torch.tensor([[[4, 3], [1, 0]], [[1, 3], [0, -9]], [[2, 2], [2, 2]], [[0, 0], [0, 0]], [[2, 2], [1, -1]]])
    assert seeing.pointing(maps.float(), mask).tolist() == [1, 0, 0.5, 0.5, 0.5]
    torch.testing.assert_close(seeing.mass_inside(maps.float(), mask), torch.tensor([5 / 8, 1 / 4, 0.5, 0.5, 3 / 5]))
    assert seeing.mass_inside(-maps[1:2].float(), mask[:1]).tolist() == [0.0]


def test_scores_of_maps_do_not_depend_on_their_scale_and_survive_tiny_values():
    maps, masks = torch.rand(4, 6, 6), torch.rand(4, 6, 6) < 0.3
    for score in (seeing.pointing, seeing.mass_inside):
        torch.testing.assert_close(score(maps * 2.0**-120, masks), score(maps, masks))


def test_deletion_hides_the_cells_of_largest_sums_first():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2, bias=False)).double()
    x = torch.rand(2, 1, 4, 4).double() + 0.5
    maps = torch.zeros(2, 4, 4).double()
    maps[0, 2, 0], maps[0, 0, 3], maps[1, 1, 1] = 3, 2, 1
    found = seeing.deletion(network, x, torch.tensor([1, 0]), maps, 2, (0, 1, 2, 4), fill=0.25)
    first, second = x.clone(), x.clone()
    first[0, :, 2:, :2], first[1, :, :2, :2] = 0.25, 0.25
    second[0, :, 2:, :2], second[1, :, :2, :2] = 0.25, 0.25
    second[0, :, :2, 2:], second[1, :, :2, 2:] = 0.25, 0.25
    stages = [network(each).detach()[[0, 1], [1, 0]] for each in (x, first, second, torch.full_like(x, 0.25))]
    close(found, torch.stack(stages, dim=1))


def test_agreement_is_spearmans_correlation():
    scipy_stats = pytest.importorskip("scipy.stats")
    one, other = torch.randn(3, 5, 4), torch.randn(3, 5, 4)
    other[1] = other[1].round()  # ties
    other[2] = one[2].exp()
    expected = [scipy_stats.spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(one, other, strict=True)]
    assert seeing.agreement(one, other).tolist() == pytest.approx(expected, abs=1e-6)
    assert math.isnan(seeing.agreement(torch.ones(1, 2, 2), torch.randn(1, 2, 2)).item())


def test_randomised_layers_are_drawn_anew_in_a_copy_and_the_others_stay():
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = seeing.randomised(network, ["scores", "conv2"], seed=3)
    for name, value in made.state_dict().items():
        same = torch.equal(value, before[name])
        assert same == name.startswith("conv1"), name
        assert torch.equal(network.state_dict()[name], before[name])
    assert made.conv2.weight.std().item() == pytest.approx(network.conv2.weight.std().item(), rel=0.3)
    again = seeing.randomised(network, ["scores", "conv2"], seed=3)
    assert torch.equal(again.conv2.weight, made.conv2.weight)


# Dreams --------------------------------------------------------------------------------------------------------------


def test_total_variation_by_hand():
    x = torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 0.0, 0.0]]]])
    assert seeing.total_variation(x).item() == pytest.approx((0 + 1 + 9) / 3 + (1 + 4 + 0 + 0) / 4)


def test_a_dream_excites_its_unit_and_a_prior_makes_it_smoother():
    network = small()
    options = {"shape": (1, 2, 8, 8), "steps": 60}
    dtype = torch.get_default_dtype()
    network = network.to(dtype)
    start = seeing.dream(network, 0, (1, 2, 8, 8), steps=0)
    rough = seeing.dream(network, 0, **options)
    smooth = seeing.dream(network, 0, **options, variation=5.0, shift=2, blur=0.5)
    with torch.no_grad():
        assert network(rough)[0, 0] > network(start)[0, 0] + 0.1
    assert seeing.total_variation(smooth).item() < 0.5 * seeing.total_variation(rough).item()
    assert rough.abs().max() <= 2.5 and torch.equal(rough, seeing.dream(network, 0, **options))


# A network stays as it was -------------------------------------------------------------------------------------------

USES = {
    "gradient": lambda n, x: seeing.gradient(n, x, 0),
    "guided": lambda n, x: seeing.gradient(n, x, 0, "guided"),
    "deconvnet": lambda n, x: seeing.gradient(n, x, 0, "deconvnet"),
    "grad_cam": lambda n, x: seeing.grad_cam(n, x, 0, "relu2"),
    "activations": lambda n, x: seeing.activations(n, x, "relu2"),
    "occlusion": lambda n, x: seeing.occlusion(n, x, 0, 4, 4),
    "strongest": lambda n, x: seeing.strongest(n, x, "relu2", [0]),
    "deletion": lambda n, x: seeing.deletion(n, x, 0, torch.rand(3, 8, 8), 2, (0, 1)),
    "dream": lambda n, x: seeing.dream(n, 0, (1, 2, 8, 8), steps=2),
    "randomised": lambda n, x: seeing.randomised(n, ["conv1"]),
    "a refused unit": lambda n, x: seeing.gradient(n, x, 9, "guided"),
    "a refused unit of grad_cam": lambda n, x: seeing.grad_cam(n, x, 9, "relu2"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("quiet", [False, True])
def test_modes_gradients_hooks_and_parameters_are_as_before(use, quiet):
    network, x = small().float(), images().float()
    network.train()
    network.conv2.eval()
    network.conv1.weight.requires_grad_(False)
    network.scores.weight.grad = torch.full_like(network.scores.weight, 7.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pixels = x.clone()
    with torch.set_grad_enabled(not quiet):
        if "refused" in use:
            with pytest.raises(ValueError, match="has no unit"):
                USES[use](network, x)
        else:
            made = USES[use](network, x)
            assert not isinstance(made, torch.Tensor) or not made.requires_grad
        assert torch.is_grad_enabled() == (not quiet)
    assert [name for name, part in network.named_modules() if not part.training] == ["conv2"]
    for part in network.modules():
        assert not any((part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks))
    for name, value in network.named_parameters():
        assert torch.equal(value, before[name])
        assert value.requires_grad == (name != "conv1.weight")
        assert (value.grad is None) == (name != "scores.weight")
    assert (network.scores.weight.grad == 7.0).all()
    assert torch.equal(x, pixels) and not x.requires_grad and x.grad is None


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda n, x: seeing.gradient(n, x, 0, "smooth"), "rule must be"),
        (lambda n, x: seeing.gradient(nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).double(), x, 0, "guided"), "none"),
        (lambda n, x: seeing.gradient(nn.Sequential(nn.ReLU(inplace=True)), x, (0, 0, 0), "guided"), "inplace=False"),
        (lambda n, x: seeing.gradient(n, x, (0, 1)), "units of 1 indices"),
        (lambda n, x: seeing.gradient(n, x, -1), "no unit"),
        (lambda n, x: seeing.grad_cam(n, x, 0, "conv9"), "no layer 'conv9'"),
        (lambda n, x: seeing.occlusion(n, x, 0, 9, 1), "cannot cover"),
        (lambda n, x: seeing.occlusion(n, x, 0, 2, 3), "cannot cover"),
        (lambda n, x: seeing.strongest(n, x, "relu2", [5]), "no channel 5"),
        (lambda n, x: seeing.strongest(n, x, "scores", [0]), "No window"),
        (lambda n, x: seeing.pointing(x[:, 0], x[:, 0]), "masks of bool"),
        (lambda n, x: seeing.deletion(n, x, 0, x[:, 0], 3, (1,)), "do not fit"),
        (lambda n, x: seeing.randomised(n, ["relu1"]), "no layer 'relu1' with weights"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, told):
    with pytest.raises(ValueError, match=told):
        call(small(), images())


# The classifier ------------------------------------------------------------------------------------------------------


def test_tags_ask_for_things_that_are_large_enough():
    labels = torch.zeros(3, 10, 10, dtype=torch.long)
    labels[0].view(-1)[:LEAST] = CLASSES.index("car")
    labels[1].view(-1)[: LEAST - 1] = CLASSES.index("car")
    labels[2].view(-1)[:50] = CLASSES.index("pole")
    assert seeing.tags(labels).tolist() == [[0, 1, 0, 0], [0, VOID, 0, 0], [0, 0, 0, 0]]
    assert seeing.masks(labels).sum(dim=(2, 3)).tolist() == [[0, LEAST, 0, 0], [0, LEAST - 1, 0, 0], [0, 0, 0, 0]]


def test_the_loss_leaves_out_what_is_void():
    logits, wanted = torch.tensor([[0.3, -2.0], [1.0, 4.0]]), torch.tensor([[1, 0], [VOID, 0]])
    expected = [-math.log(1 / (1 + math.exp(-0.3))), math.log(1 + math.exp(-2.0)), math.log(1 + math.exp(4.0))]
    assert seeing.tagged(logits, wanted).item() == pytest.approx(sum(expected) / 3, rel=1e-6)


def test_folding_the_normalisation_changes_no_answer():
    torch.manual_seed(0)
    network = seeing.classifier(normalised=True)
    network(3 * torch.randn(16, 3, 32, 32) + 1)  # running statistics that are not those of the start
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = network.eval()(x)
        made = folded(network)
        torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in made)
    assert made.state_dict().keys() == seeing.classifier().state_dict().keys()


def test_a_seed_trains_the_same_network_again():
    one, again, other = (
        torch.cat([weight.flatten() for weight in seeing.trained(seed, steps=2).parameters()]) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
