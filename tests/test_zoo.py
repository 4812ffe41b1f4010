"""The zoo against torchvision, against its papers, and against gradients of the networks themselves."""

import math
from bisect import bisect_left
from itertools import chain

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import arithmetic, zoo  # before torchvision, whose import this makes possible beside a CPU-only torch
from pixelwise.tracing import trace
from pixelwise.train import fit
from pixelwise.zoo import fcn, lenet, resnet, segnet, shufflenet, unet, vgg
from pixelwise.zoo.copying import in_order

pytestmark = pytest.mark.usefixtures("one_thread")

models = pytest.importorskip("torchvision.models")

# Our name and options, torchvision's.
TWINS = [
    ("alexnet", {}, "alexnet"),
    ("vgg11", {}, "vgg11"),
    ("vgg13", {}, "vgg13"),
    ("vgg16", {}, "vgg16"),
    ("vgg19", {}, "vgg19"),
    ("googlenet", {"five_as_three": True}, "googlenet"),
    *((f"resnet{depth}", {}, f"resnet{depth}") for depth in resnet.DEPTHS),
    ("wide_resnet50_2", {}, "wide_resnet50_2"),
    ("resnext50_32x4d", {}, "resnext50_32x4d"),
    ("densenet121", {}, "densenet121"),
    ("densenet169", {}, "densenet169"),
    ("densenet201", {}, "densenet201"),
    ("mobilenet_v2", {}, "mobilenet_v2"),
    ("shufflenet_v2", {}, "shufflenet_v2_x1_0"),
    ("shufflenet_v2", {"width": 0.5}, "shufflenet_v2_x0_5"),
    ("shufflenet_v2", {"width": 2.0}, "shufflenet_v2_x2_0"),
    ("vit_b_16", {}, "vit_b_16"),
    ("swin_t", {}, "swin_t"),
]
NAMES = [f"{name}{'-' if options else ''}{'-'.join(map(str, options.values()))}" for name, options, _ in TWINS]


def torchvisions(name):
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return models.get_model(name, **options)


# Against torchvision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options", "twin"), TWINS, ids=NAMES)
def test_parameters_and_macs_are_those_that_torchvision_publishes(name, options, twin):
    traced = zoo.MODELS[name].trace(**options)
    published = models.get_model_weights(twin)["IMAGENET1K_V1"].meta
    assert traced.parameters == published["num_params"]
    assert round(traced.macs / 1e9, 3) == published["_ops"]


@pytest.mark.parametrize(
    ("name", "options", "twin"),
    [twin for twin in TWINS if twin[0] not in {"vit_b_16", "swin_t", "vgg13", "vgg19", "resnet101", "resnet152"}],
    ids=lambda value: value if isinstance(value, str) else "",
)
@torch.no_grad()
def test_with_the_same_weights_a_network_computes_what_torchvisions_does(name, options, twin):
    size = 224 if name[:3] in ("ale", "vgg") else 96
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.device("meta"):
        ours, theirs = zoo.build(name, **options), torchvisions(twin)
    # Both get one set of weights, drawn here: neither's own initialisation is needed.
    pairs = list(zip(*(in_order(network.eval(), x) for network in (ours, theirs)), strict=True))
    for network in (ours, theirs):
        network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(1)
    for mine, its in pairs:
        state = mine.state_dict()
        for key, values in state.items():
            if values.ndim > 1:
                values.normal_(0, 1 / math.sqrt(math.prod(values.shape[1:])), generator=generator)
            elif values.is_floating_point():
                values.uniform_(0.5 if key in ("weight", "running_var") else 0, 1, generator=generator)
        its.load_state_dict(state)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
@torch.no_grad()
def test_weights_copied_from_torchvisions_network_make_ours_compute_the_same(name):
    theirs = torchvisions(name)
    for key, values in theirs.state_dict().items():
        if "running" in key:
            values.uniform_(0.5, 1.5)
    ours = zoo.build(name)
    zoo.copy_weights(ours, theirs, size=64)
    assert ours.training and theirs.training
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_copying_refuses_networks_that_do_not_match():
    ours, theirs = zoo.build("resnet18"), torchvisions("resnet18")
    with pytest.raises(ValueError, match="do not compute with the same layers"):
        zoo.copy_weights(zoo.build("resnet18", classes=10), theirs, size=32)
    theirs.transform_input = True
    with pytest.raises(ValueError, match="rescales its input first"):
        zoo.copy_weights(ours, theirs)


@torch.no_grad()
def test_with_the_same_weights_vit_computes_what_torchvisions_does():
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    theirs = models.vit_b_16().eval()
    nn.init.normal_(theirs.heads.head.weight, std=0.02)
    names = {"class_token": "embedding.class_token", "encoder.pos_embedding": "embedding.position"}
    names |= {f"conv_proj.{part}": f"patches.conv.{part}" for part in ("weight", "bias")}
    for number in range(12):
        here, there = f"block{number + 1}", f"encoder.layers.encoder_layer_{number}"
        for part in ("weight", "bias"):
            names[f"{there}.self_attention.in_proj_{part}"] = f"{here}.attention.qkv.{part}"
            names[f"{there}.self_attention.out_proj.{part}"] = f"{here}.attention.project.{part}"
            names |= {f"{there}.ln_{i}.{part}": f"{here}.norm{i}.{part}" for i in (1, 2)}
            names |= {f"{there}.mlp.{3 * i}.{part}": f"{here}.mlp.fc{i + 1}.{part}" for i in (0, 1)}
    names |= {f"encoder.ln.{part}": f"norm.{part}" for part in ("weight", "bias")}
    names |= {f"heads.head.{part}": f"head.{part}" for part in ("weight", "bias")}
    with torch.device("meta"):
        ours = zoo.build("vit_b_16").eval()
    ours.load_state_dict({names[key]: values for key, values in theirs.state_dict().items()}, assign=True)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_with_the_same_weights_swin_computes_what_torchvisions_does():
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    theirs = models.swin_t().eval()
    blocks = [(stage, number) for stage, count in enumerate((2, 2, 6, 2), 1) for number in range(1, count + 1)]
    names = {}
    for part in ("weight", "bias"):
        names |= {f"features.0.0.{part}": f"patches.conv.{part}", f"features.0.2.{part}": f"patches.norm.{part}"}
        names |= {f"norm.{part}": f"norm.{part}", f"head.{part}": f"head.{part}"}
        for stage in (2, 3, 4):
            names |= {f"features.{2 * stage - 2}.{name}.{part}": f"merge{stage}.{ours}.{part}"
                      for name, ours in (("norm", "norm"), ("reduction", "reduce"))}  # fmt: skip
        for stage, number in blocks:
            here, there = f"stage{stage}_{number}", f"features.{2 * stage - 1}.{number - 1}"
            names |= {f"{there}.norm{i}.{part}": f"{here}.norm{i}.{part}" for i in (1, 2)}
            names |= {f"{there}.attn.{name}.{part}": f"{here}.attention.{ours}.{part}"
                      for name, ours in (("qkv", "qkv"), ("proj", "project"))}  # fmt: skip
            names |= {f"{there}.mlp.{3 * i}.{part}": f"{here}.mlp.fc{i + 1}.{part}" for i in (0, 1)}
            names[f"{there}.attn.relative_position_bias_table"] = f"{here}.attention.attend.bias"
    ours = zoo.build("swin_t").eval()
    state = {key: values for key, values in theirs.state_dict().items() if "position_index" not in key}
    ours.load_state_dict({names[key]: values for key, values in state.items()})
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


# Against the papers -------------------------------------------------------------------------------------------------


def test_lenet_has_the_papers_parameters_and_connections_layer_by_layer():
    traced = zoo.MODELS["lenet5"].trace()
    layers = ("c1", "s2", "c3", "s4", "c5", "f6")
    assert [traced.row(layer).parameters for layer in layers] == [156, 12, 1516, 32, 48120, 10164]
    assert traced.parameters == 60_000
    # A connection is a product or a bias. Where places share weights, each place has its own connections.
    c1, _, c3, _, c5, f6 = (traced.row(layer) for layer in layers)
    connections = [row.macs + math.prod(row.output_shape) for row in (c1, c3, c5, f6)]
    assert connections == [122_304, 151_600, 48_120, 10_164]
    subsampled = [5 * math.prod(traced.row(layer).output_shape) for layer in ("s2", "s4")]
    assert subsampled == [5_880, 2_000]
    assert sum(connections) + sum(subsampled) + 10 * 84 == 340_908


def test_lenets_third_layer_sees_the_maps_of_table_1():
    assert [len(seen) for seen in lenet.CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(lenet.CONNECTIONS)) == 16
    assert [sum(map in seen for seen in lenet.CONNECTIONS) for map in range(6)] == [10] * 6


def test_lenets_codes_are_ten_different_bitmaps_and_the_nearest_wins():
    output = lenet.RadialBasis()
    assert output.codes.shape == (10, 84)
    assert set(output.codes.unique().tolist()) == {-1.0, 1.0}
    assert (output(output.codes).argmax(dim=1) == torch.arange(10)).all()
    assert lenet.RadialBasis(84, 3).codes.unique(dim=0).shape == (3, 84)


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("alexnet_paper", {}, 60),
        ("vgg11", {}, 133),
        ("vgg13", {}, 133),
        ("vgg16_c", {}, 134),
        ("vgg16", {}, 138),
        ("vgg19", {}, 144),
        ("se_resnet50", {}, 28.1),
        ("wide_resnet50_2", {}, 68.9),
        ("resnext50_32x4d", {}, 25.0),
        ("mobilenet_v1", {}, 4.2),
        ("mobilenet_v1", {"width": 0.5}, 1.3),
        ("vit_b_16", {}, 86),
        ("swin_t", {}, 28),
        ("mixer_b_16", {}, 59),
        ("fcn32s", {}, 134),
        ("deconvnet", {}, 252),
    ],
)
def test_parameters_are_those_of_the_paper_to_its_rounding(name, options, millions):
    # Papers round to their last digit, up or down.
    digit = 0.1 if isinstance(millions, float) else 1
    assert zoo.MODELS[name].trace(**options).parameters / 1e6 == pytest.approx(millions, abs=digit)


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("alexnet_paper", {}, 60_965_224),
        ("googlenet", {}, 6_998_552),
        ("googlenet", {"batch_norm": True}, 7_005_832),
        ("googlenet", {"five_as_three": True}, 6_624_904),
        ("mobilenet_v1", {}, 4_231_976),
        ("mixer_b_16", {}, 59_880_472),
        ("fcn32s", {}, 134_346_581),
        ("fcn8s", {"learned": "none"}, 134_346_581 + (512 + 1) * 21 + (256 + 1) * 21),
        ("fcn8s", {}, 134_346_581 + (512 + 1) * 21 + (256 + 1) * 21 + 2 * 21 * 21 * 4 * 4),
        ("unet", {"in_channels": 3}, 31_030_658 + 2 * 64 * 3 * 3),
    ],
)
def test_parameters_that_are_well_known(name, options, parameters):
    assert zoo.MODELS[name].trace(**options).parameters == parameters


def test_the_auxiliary_classifiers_of_googlenet_speak_only_while_training():
    network = zoo.build("googlenet", classes=7, auxiliary=True)
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert [logits.shape for logits in network(x)] == [(2, 7)] * 3
        assert network.eval()(x).shape == (2, 7)
    with torch.device("meta"):
        both = zoo.build("googlenet", auxiliary=True, batch_norm=True, five_as_three=True)
        theirs = models.googlenet(aux_logits=True, init_weights=False)
    assert count(both) == count(theirs)


def count(network):
    return sum(weights.numel() for weights in network.parameters())


@pytest.mark.parametrize(("groups", "millions"), [(1, 143), (2, 140), (3, 137), (4, 133), (8, 137)])
def test_shufflenet_costs_what_table_1_says_for_each_number_of_groups(groups, millions):
    traced = zoo.MODELS["shufflenet_v1"].trace(groups=groups)
    assert round((traced.macs - traced.row("fc").macs) / 1e6) == millions  # the table leaves the classifier out


@pytest.mark.parametrize(("width", "millions"), [(1.0, 569), (0.75, 325), (0.5, 149), (0.25, 41)])
def test_mobilenet_v1_costs_what_table_6_says_for_each_width(width, millions):
    assert round(zoo.MODELS["mobilenet_v1"].trace(width=width).macs / 1e6) == millions


def test_vggs_have_as_many_weight_layers_as_table_1_says():
    depths = {}
    for configuration in vgg.CONFIGURATIONS:
        with torch.device("meta"):
            network = vgg.vgg(configuration)
        depths[configuration] = sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in network)
    assert depths == {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}


def test_a_small_alexnet_fits_small_images():
    network = zoo.build("alexnet", 14, widths=(32, 48, 64, 64, 64), hidden=128, side=1)
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 14)
    assert network.conv1.weight.shape == (32, 3, 11, 11)


def test_alexnet_has_the_sizes_and_the_units_of_the_paper():
    traced = zoo.MODELS["alexnet_paper"].trace()
    rows = {row.name: row for row in traced.rows}
    sides = [rows[layer].output_shape[1] for layer in ("conv1", "pool1", "pool2", "pool5")]
    assert sides == [55, 27, 13, 6]
    assert rows["flatten"].output_shape == (9216,)
    # "The network's 650,000 neurons": the units of its eight weight layers.
    assert sum(row.activations for row in traced.rows if row.macs) == 659_272


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("alexnet_paper", ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]),  # section 4.2: outputs
        ("alexnet", ["drop6", "fc6", "relu6", "drop7", "fc7", "relu7", "fc8"]),  # torchvision's: inputs
    ],
)
def test_alexnets_drop_what_their_sources_say(name, order):
    with torch.device("meta"):
        names = [layer for layer, _ in zoo.build(name).named_children()]
    assert names[names.index("flatten") + 1 :] == order
    if name == "alexnet":
        with torch.device("meta"):
            theirs = [type(layer) for layer in models.alexnet().classifier]
            ours = [type(getattr(zoo.build(name), layer)) for layer in order]
        assert ours == theirs


def test_zfnet_has_the_sizes_of_figure_3():
    rows = {row.name: row for row in zoo.MODELS["zfnet"].trace().rows}
    layers = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv5", "pool5")
    assert [rows[layer].output_shape[1] for layer in layers] == [110, 55, 26, 13, 13, 13, 6]


def test_googlenet_has_the_sizes_of_table_1():
    traced = zoo.MODELS["googlenet"].trace()
    shapes = [traced.row(name).output_shape for name in ("stem.conv1", "stem.pool1", "stem.conv2", "stem.pool2")]
    assert shapes == [(64, 112, 112), (64, 56, 56), (192, 56, 56), (192, 28, 28)]
    modules = {name: traced.row(f"inception{name}").output_shape for name in ("3a", "3b", "4a", "4e", "5a", "5b")}
    assert modules == {"3a": (256, 28, 28), "3b": (480, 28, 28), "4a": (512, 14, 14), "4e": (832, 14, 14),
                       "5a": (832, 7, 7), "5b": (1024, 7, 7)}  # fmt: skip


def test_googlenets_stem_is_that_of_figure_3():
    def stem(**options):
        with torch.device("meta"):
            return [name for name, _ in zoo.build("googlenet", **options).stem.named_children()]

    assert stem() == ["conv1", "pool1", "norm1", "reduce2", "conv2", "norm2", "pool2"]
    assert stem(five_as_three=True) == ["conv1", "pool1", "reduce2", "conv2", "pool2"]  # torchvision's


def test_mobilenet_v1_ends_on_maps_of_seven_by_seven():
    """Table 1 gives the last depthwise layer stride 2, and 7×7 both before and after it."""
    rows = [row for row in zoo.MODELS["mobilenet_v1"].trace().rows if row.kind == "Conv2d"]
    assert [row.output_shape[1:] for row in rows[-4:]] == [(7, 7)] * 4


@pytest.mark.parametrize("name", [name for name, model in zoo.MODELS.items() if model.task != "saliency"])
def test_every_network_maps_its_input_to_as_many_logits_as_asked(name):
    model = zoo.MODELS[name]
    with torch.device("meta"):
        network = zoo.build(name, classes=12).eval()
        logits = network(torch.zeros(2, *model.input_shape))
    sides = model.input_shape[1:]
    expected = {"classification": (12,), "segmentation": (12, *sides), "detection": (5 + 12, *(n // 8 for n in sides))}
    assert logits.shape == (2, *expected[model.task])


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "resnet18", "mobilenet_v2", "shufflenet_v1", "swin_t"])
def test_a_fresh_network_gives_finite_numbers_and_gradients(name):
    torch.manual_seed(0)
    network = zoo.build(name, classes=10).train()
    network(torch.randn(2, *zoo.MODELS[name].input_shape)).logsumexp(dim=1).sum().backward()
    assert all(weights.grad is not None and weights.grad.isfinite().all() for weights in network.parameters())


def test_initialisation_follows_the_paper():
    torch.manual_seed(0)
    alexnet = zoo.build("alexnet_paper", classes=10)
    assert float(alexnet.conv3.weight.detach().std()) == pytest.approx(0.01, rel=0.01)
    assert {name: layer.bias[0].item() for name, layer in alexnet.named_children() if hasattr(layer, "bias")} == {
        "conv1": 0, "conv2": 1, "conv3": 0, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1, "fc8": 0,
    }  # fmt: skip
    conv = zoo.build("resnet18", classes=10).conv4.block2.path.conv1.conv
    assert float(conv.weight.detach().std()) == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.02)
    c5 = zoo.build("lenet5").c5.weight.detach()
    assert float(c5.abs().max()) == pytest.approx(2.4 / 400, rel=0.01)
    attention = zoo.build("vit_b_16", dim=96, inner=100, depth=1).block1.attention
    for weight in attention.qkv.weight.detach().chunk(3):  # query, key and value are a layer each
        assert float(weight.abs().max()) == pytest.approx(math.sqrt(6 / (96 + 96)), rel=0.01)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: zoo.build("resnet51"), "The zoo has no 'resnet51'; it has lenet5, alexnet,"),
        (lambda: resnet.resnet(20), "ResNet has depths 18, 34, 50, 101, 152, and no 20."),
        (lambda: zoo.build("resnet50", stride_on="5x5"), 'stride_on must be "1x1" or "3x3", not \'5x5\'.'),
        (lambda: vgg.vgg("F"), "VGG has configurations A, A-LRN, B, C, D, E, and no 'F'."),
        (lambda: shufflenet.shufflenet_v1(groups=5), "ShuffleNet has 1, 2, 3, 4, 8 groups, and not 5."),
        (lambda: shufflenet.shufflenet_v2(width=3), "ShuffleNet v2 has widths 0.5, 1.0, 1.5, 2.0, and not 3."),
        (lambda: zoo.build("vit_b_16", size=230), "230 pixels must split into patches of 16,"),
        (lambda: zoo.build("mixer_b_16", size=230), "230 pixels must split into patches of 16."),
        (lambda: fcn.FCN(stride=4), "FCN has strides 32, 16 and 8, and no 4."),
        (lambda: fcn.FCN(crops="none"), 'crops must be "paper" or "modern", not \'none\'.'),
        (lambda: fcn.FCN(learned="some"), 'learned must be "none", "intermediate" or "all", not \'some\'.'),
        (lambda: fcn.FCN(kernel=3), 'fc6 needs an odd kernel, and 7 where crops is "paper"; 3 does not fit.'),
        (lambda: fcn.FCN(kernel=4, crops="modern"), "fc6 needs an odd kernel,"),
        (lambda: fcn.FCN(configuration="C"), "VGG has A, B, D, E of 3×3 convolutions alone, and no 'C'."),
        (lambda: segnet.SegNet((8, 16)), "A configuration lists the channels of five stages, not (8, 16)."),
        (lambda: unet.UNet(padding="full"), 'padding must be "same" or "valid", not \'full\'.'),
        (lambda: unet.UNet(upsampling="nearest"), 'upsampling must be "transposed" or "bilinear", not'),
    ],
)
def test_a_network_that_does_not_exist_is_refused_in_a_sentence(make, sentence):
    with torch.device("meta"), pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value).startswith(sentence)


def test_swin_says_which_images_it_cannot_split():
    with torch.device("meta"):
        network = zoo.build("swin_t")
        with pytest.raises(ValueError, match="A map of 50×50 does not split into windows of 7×7"):
            network(torch.zeros(1, 3, 200, 200))


# Segmentation -------------------------------------------------------------------------------------------------------

STAGES = ((4, 4), 6, 8, 10, 12)
SMALL = {
    "fcn32s": {"configuration": STAGES, "head": 16},
    "fcn16s": {"configuration": STAGES, "head": 16, "crops": "modern", "kernel": 3},
    "fcn8s": {"configuration": STAGES, "head": 16, "crops": "modern", "kernel": 3, "normalise": True},
    "fcn8s, paper": {"configuration": STAGES, "head": 16, "learned": "all"},
    "deconvnet": {"configuration": STAGES, "head": 16, "kernel": 1},
    "segnet": {"configuration": STAGES},
    "unet": {"width": 4},
    "unet, bilinear": {"width": 4, "upsampling": "bilinear", "normalise": True},
    "unet, no skips": {"width": 4, "skips": False},
}


def small(name, classes=5):
    """A small network with weights for its scores, which FCN's are not born with."""
    torch.manual_seed(0)
    network = zoo.build(name.split(",")[0], classes=classes, **SMALL[name])
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.any():
            nn.init.kaiming_normal_(layer.weight)
    return network


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(64, 64), (61, 47), (33, 70), (1, 5)])
def test_every_size_of_image_gets_a_label_for_each_pixel(name, size):
    with torch.no_grad():
        assert small(name).eval()(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_a_network_of_symmetric_kernels_labels_a_mirrored_image_with_the_mirrored_labels(name):
    network = small(name).double().eval()
    for part in list(network.modules()):
        for child, layer in part.named_children():
            if isinstance(layer, nn.ReLU):
                part.add_module(child, nn.ELU())  # among several zeros, unpooling takes the first, not the mirrored
    for weights in network.parameters():
        if weights.ndim == 4:
            weights.copy_((weights + weights.flip(-1, -2) + weights.flip(-1) + weights.flip(-2)) / 4)
    # No pooling has a remainder: the paper's padding makes 90 + 198 = 9·32 of 90.
    side = 90 if getattr(network, "crops", "") == "paper" else 64
    x = torch.rand(1, 3, side, side + 32, dtype=torch.double)
    for axes in ((-1,), (-2,)):
        torch.testing.assert_close(network(x.flip(axes)), network(x).flip(axes))


@pytest.mark.parametrize("name", SMALL)
def test_the_loss_reaches_every_weight(name):
    network = small(name).train()
    images = torch.rand(2, 3, 64, 64)
    F.cross_entropy(network(images), torch.randint(5, (2, 64, 64))).backward()
    unreached = [name for name, weights in network.named_parameters() if weights.ndim > 1 and not weights.grad.any()]
    assert unreached == []


@torch.no_grad()
def test_vggs_weights_make_an_fcn_that_computes_vggs_logits_where_it_sees_the_same_image():
    torch.manual_seed(0)
    classifier = zoo.build("vgg11").eval()
    with torch.device("meta"):
        network = fcn.FCN(32, "A", classes=1000, crops="modern").eval()
    weights = classifier.state_dict()
    weights["fc8.bias"] = torch.randn(1000)
    classifier.fc8.bias.copy_(weights["fc8.bias"])
    names = {"fc6": "head.fc6", "fc7": "head.fc7", "fc8": "head.score_fr"}
    converted = {"upsample_last.weight": fcn.bilinear_kernel(32).repeat(1000, 1, 1, 1)}
    for key, values in weights.items():
        layer, part = key.split(".")
        if layer in names and part == "weight":
            values = values.unflatten(1, (512, 7, 7)) if layer == "fc6" else values[:, :, None, None]
        converted[f"{names.get(layer, f'encoder.{layer}')}.{part}"] = values
    network.load_state_dict(converted, assign=True)
    x = torch.randn(1, 3, 224, 224)
    scores = network.head(network.encoder(x))
    torch.testing.assert_close(scores[:, :, 3, 3], classifier(x), rtol=1e-4, atol=1e-5)


def test_the_field_of_fc7_is_that_of_table_1_of_fcn():
    for name in ("fcn32s", "fcn16s", "fcn8s"):
        assert zoo.MODELS[name].trace().row("head.fc7").receptive_field.size == (404, 404)


def test_after_upsampling_no_one_window_describes_what_a_unit_sees():
    for name in ("fcn32s", "fcn8s", "deconvnet", "segnet", "unet"):
        assert zoo.MODELS[name].trace().receptive_field is None


def test_the_offsets_of_the_papers_crops_are_the_distances_between_the_centres_of_the_units():
    traced = zoo.MODELS["fcn8s"].trace()
    start = traced.row("head.fc7").receptive_field.start[0]  # the pixel at which the scores' first unit is centred
    jump, offsets, image_offsets = 32, {}, {32: (32 - 0.5) - start}
    for name in fcn.SKIPS[8]:
        jump //= 2
        start -= 1.5 * jump  # a kernel of 4 puts the first unit's centre 1.5 units into the upsampled map
        offsets[name] = (start - traced.row(f"encoder.{name}").receptive_field.start[0]) / jump
        image_offsets[jump] = (jump - 0.5) - start
    assert offsets == fcn.SKIP_OFFSETS
    assert image_offsets == fcn.IMAGE_OFFSETS


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("factor", [2, 8, 16, 32])
def test_upsampling_begins_as_bilinear_interpolation(factor, learned):
    x = torch.randn(2, 3, 4, 5, dtype=torch.double)
    bilinear = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    aligned = fcn.Upsampling(3, factor, learned, aligned=True).double()(x)
    reaching = fcn.Upsampling(3, factor, learned, aligned=False).double()(x)
    torch.testing.assert_close(aligned, bilinear)
    border = factor // 2
    inside = (..., slice(border, -border), slice(border, -border))
    assert reaching.shape == (2, 3, 5 * factor, 6 * factor)
    around = (..., slice(2 * border, -2 * border), slice(2 * border, -2 * border))
    torch.testing.assert_close(reaching[around], bilinear[inside])


def test_upsampling_has_parameters_only_if_it_is_learned():
    sizes = {
        learned: [count(up) for up in (*network.upsample.values(), network.upsample_last)]
        for learned in ("none", "intermediate", "all")
        for network in [fcn.FCN(8, STAGES, classes=3, learned=learned)]
    }
    assert sizes == {
        "none": [0, 0, 0],
        "intermediate": [3 * 3 * 16] * 2 + [0],
        "all": [3 * 3 * 16] * 2 + [3 * 3 * 256],
    }


def test_an_untrained_fcn_scores_every_class_zero():
    network = fcn.FCN(8, STAGES, classes=4, head=16)
    assert not network(torch.rand(1, 3, 40, 40)).any()


def test_segnet_has_the_parameters_and_the_mirrored_widths_of_its_paper():
    traced = zoo.MODELS["segnet"].trace()
    assert traced.parameters == 29_455_125
    widths = [traced.row(f"decoder.stage{stage}").output_shape[0] for stage in (5, 4, 3, 2, 1)]
    assert widths == [512, 256, 128, 64, 21]
    assert sum(row.kind == "Conv2d" for row in traced.rows) == 2 * 13


def test_deconvnet_has_the_sizes_of_table_2():
    traced = zoo.MODELS["deconvnet"].trace()
    shapes = [traced.row(f"head.{name}").output_shape for name in ("fc6", "fc7", "deconv_fc6")]
    assert shapes == [(4096, 1, 1), (4096, 1, 1), (512, 7, 7)]
    shapes = [traced.row(f"decoder.stage{stage}").output_shape for stage in (5, 4, 3, 2, 1)]
    assert shapes == [(512, 14, 14), (256, 28, 28), (128, 56, 56), (64, 112, 112), (64, 224, 224)]


def test_deconvnet_says_which_images_are_too_small():
    with torch.device("meta"):
        network = zoo.build("deconvnet")
        with pytest.raises(ValueError, match="needs images of more than 192 pixels a side, not 192×300"):
            network(torch.zeros(1, 3, 192, 300))
        assert network(torch.zeros(2, 3, 193, 300)).shape == (2, 21, 193, 300)


def test_unet_has_the_sizes_and_the_parameters_of_figure_1():
    with torch.device("meta"):
        network = unet.UNet(in_channels=1, padding="valid")
    traced = trace(network, (1, 572, 572))
    assert traced.parameters == 31_030_658
    down = [traced.row(f"down.level{level}").output_shape for level in (1, 2, 3, 4, 5)]
    assert down == [(64, 568, 568), (128, 280, 280), (256, 136, 136), (512, 64, 64), (1024, 28, 28)]
    up = [traced.row(f"up.level{level}").output_shape for level in (4, 3, 2, 1)]
    assert up == [(512, 52, 52), (256, 100, 100), (128, 196, 196), (64, 388, 388)]
    assert traced.rows[-1].output_shape == (2, 388, 388)


def test_unet_without_padding_says_which_sizes_it_cannot_pool():
    with torch.device("meta"):
        network = unet.UNet(padding="valid")
        with pytest.raises(ValueError, match="an image of 570×572 gives a map of 279×280 to pool by 2"):
            network(torch.zeros(1, 3, 570, 572))


@torch.no_grad()
def test_unet_without_padding_labels_the_middle_of_what_it_labels_with_padding():
    torch.manual_seed(0)
    valid = unet.UNet(width=4, depth=2, padding="valid").eval()
    same = unet.UNet(width=4, depth=2).eval()
    same.load_state_dict(valid.state_dict())
    x = torch.rand(1, 3, 92, 92)
    # Each side loses 20 pixels. Two fewer at the start let both networks pool the same pairs of units.
    assert valid(x).shape[-1] == 52
    torch.testing.assert_close(valid(x)[:, :, 12:-12, 12:-12], same(x[:, :, 2:, 2:])[:, :, 30:-32, 30:-32])


@torch.no_grad()
def test_a_unet_without_skips_knows_of_the_image_only_what_its_deepest_map_holds():
    images = torch.rand(2, 3, 48, 48)
    for name, depends in (("unet", True), ("unet, no skips", False)):
        network = small(name).eval()
        one, other = network(images)
        assert (one != other).any()
        network.down["level5"].register_forward_hook(lambda part, given, made: made[:1].expand_as(made))
        one, other = network(images)
        assert bool((one != other).any()) == depends


def test_a_unet_and_its_twin_without_skips_have_equally_wide_maps_on_the_way_up():
    shapes = [
        [traced.row(f"up.level{level}").output_shape for level in (4, 3, 2, 1)]
        for traced in (zoo.MODELS["unet"].trace(skips=skips) for skips in (True, False))
    ]
    assert shapes[0] == shapes[1]


def test_a_small_fcn_learns_one_batch_by_heart():
    torch.manual_seed(0)
    network = fcn.FCN(8, (8, 12, 16, 24, 32), 3, crops="modern", normalise=True, head=32, kernel=3, dropout=0)
    images = torch.rand(2, 3, 32, 32)
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[0, :, 13:], labels[1, 8:24] = 1, 2
    losses = fit(network, images, labels, steps=100, recipe="adamw", learning_rate=0.01)
    assert losses[0] == pytest.approx(math.log(3))
    assert losses[-1] < 0.1


# Receptive fields ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("alexnet", {}, 195),
        ("alexnet_paper", {}, 195),
        ("vgg16", {}, 212),
        ("resnet50", {"stride_on": "1x1"}, 483),
        ("resnet101", {"stride_on": "1x1"}, 1027),
        ("resnet152", {"stride_on": "1x1"}, 1507),
        ("resnet50", {"stride_on": "3x3"}, 427),
        ("resnet101", {"stride_on": "3x3"}, 971),
        ("resnet152", {"stride_on": "3x3"}, 1451),
        ("mobilenet_v1", {}, 315),
    ],
)
def test_receptive_fields_are_those_of_araujo_norris_and_sim(name, options, size):
    assert zoo.MODELS[name].trace(**options).receptive_field.size == (size, size)


def test_torchvisions_inception_v3_sees_what_araujo_norris_and_sim_say():
    with torch.device("meta"):
        network = models.inception_v3(init_weights=False, aux_logits=False)
    assert trace(network, (3, 299, 299)).receptive_field.size == (1311, 1311)


GLOBAL = ["se_resnet50", "vit_b_16", "swin_t", "mixer_b_16"]
CONVOLUTIONAL = [name for name, model in zoo.MODELS.items() if name not in GLOBAL and model.task == "classification"]
BOTTLENECKS = ["resnet50", "resnet101", "resnet152"]  # in two versions: where the stride stands
DEEP = ["densenet169", "densenet201"]  # as densenet121, with more layers in the same blocks; their gradients take long


@pytest.mark.parametrize("name", GLOBAL)
def test_networks_in_which_every_unit_depends_on_the_whole_image_have_no_field(name):
    assert zoo.MODELS[name].trace().receptive_field is None


def to_the_last_map(network):
    """The network without its head, in evaluation mode."""
    if isinstance(network, nn.Sequential):
        head = next(i for i, (name, _) in enumerate(network.named_children()) if name in ("pool", "flatten"))
        return network[:head].eval()
    network.head = nn.Identity()
    return network.eval()


def let_every_path_count_(network):
    """Make every unit a mean of its inputs: weights are equal, and averages replace maxima, which follow one path."""
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d):
                window = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                part.add_module(name, nn.AvgPool2d(*window))
    for name, values in chain(network.named_parameters(), network.named_buffers()):
        one = name.endswith(("weight", "running_var"))
        values.detach().fill_(1 / math.prod(values.shape[1:]) if one else 0)
        values.requires_grad_(False)


def smallest_side(network, channels):
    """The side in pixels of the smallest square image of which the network, on the meta device, makes a map."""

    def fits(side):
        try:
            return 0 not in network(torch.zeros(1, channels, side, side, device="meta")).shape
        except RuntimeError:
            return False

    return bisect_left(range(100), True, lo=1, key=fits)


def pixels_reached(network, shape, unit):
    """Which pixels (H, W) the gradient of a unit reaches.

    The gradient that goes in is not a number: all that it reaches is no number either, however small the factors on the
    way, and the rest stays zero.
    """
    x = torch.full((1, *shape), 1e-3, requires_grad=True)
    y = network(x)
    gradient = torch.zeros_like(y)
    gradient[0, :, *unit] = torch.nan
    y.backward(gradient)
    return x.grad[0].isnan().any(dim=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(pytest.param(name, {}, marks=[pytest.mark.proof] * (name in DEEP)) for name in CONVOLUTIONAL),
        *((name, {"stride_on": "1x1"}) for name in BOTTLENECKS),
        ("googlenet", {"five_as_three": True}),
    ],
    ids=[*CONVOLUTIONAL, *(f"{name}-1x1" for name in BOTTLENECKS), "googlenet-torchvision"],
)
def test_the_field_is_what_the_gradient_of_the_network_itself_reaches(name, options):
    field = zoo.MODELS[name].trace(**options).receptive_field
    with torch.device("meta"):
        network = to_the_last_map(zoo.build(name, **options))
    channels = zoo.MODELS[name].input_shape[0]
    short = smallest_side(network, channels)
    network.to_empty(device="cpu")
    let_every_path_count_(network)
    for axis in (0, 1):
        # The first unit whose field lies inside, and pixels for a few more; the other side as short as can be.
        unit = math.ceil(((field.size[axis] - 1) / 2 - field.start[axis]) / field.jump[axis])
        first, last = field.interval(unit, axis)
        long = last + 1 + 3 * field.jump[axis] + max(0, round(field.start[axis]))
        shape = (channels, long, short) if axis == 0 else (channels, short, long)

        reached = pixels_reached(network, shape, (unit, 0) if axis == 0 else (0, unit))

        along = reached.any(dim=1 - axis).nonzero().flatten()
        assert first >= 0 and last < long - 1, "the picture is too small to see the field end"
        assert (int(along.min()), int(along.max())) == (first, last)


@pytest.mark.parametrize("name", [name for name in CONVOLUTIONAL if name not in ("lenet5", "shufflenet_v2")])
def test_the_layer_list_of_a_trace_has_the_shape_the_cost_and_the_field_of_the_network(name):
    # LeNet-5 and ShuffleNet v2 pick channels, which no list of windows can say.
    model = zoo.MODELS[name]
    traced = model.trace()
    windows = [row for row in traced.rows if row.kind in ("Conv2d", "MaxPool2d", "AvgPool2d")]
    convolutions = [row for row in windows if row.kind == "Conv2d"]
    assert arithmetic.receptive_field(traced.layers) == traced.receptive_field
    assert arithmetic.macs(traced.layers, model.input_shape) == sum(row.macs for row in convolutions)
    assert arithmetic.parameters(traced.layers, 3) == sum(row.parameters for row in convolutions)
    assert arithmetic.activations(traced.layers, model.input_shape) == sum(row.activations for row in windows)
    last = next(row for row in reversed((*traced.rows, *traced.containers)) if row.layers == traced.layers)
    assert arithmetic.output_shape(traced.layers, model.input_shape) == last.output_shape
