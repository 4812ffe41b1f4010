"""DeepLab, PSPNet and UperNet against torchvision, against their papers, and against what dilation means."""

import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import arithmetic, zoo  # before torchvision, whose import this makes possible beside a CPU-only torch
from pixelwise.arithmetic import Conv
from pixelwise.tracing import trace
from pixelwise.zoo import deeplab, pspnet, resnet, upernet
from pixelwise.zoo.copying import in_order

pytestmark = pytest.mark.usefixtures("one_thread")

models = pytest.importorskip("torchvision.models")

TORCHVISIONS = {"output_stride": 8, "grid": None, "dropout": 0.5, "extra": True, "aligned": False}
STAGES = ((4, 4), 6, 8, 10, 12)
THIN = {"depth": 50, "width": 4}
SMALL = {
    "deeplab_v1": {"configuration": STAGES, "head": 16},
    "deeplab_v1, normalised": {"configuration": STAGES, "head": 16, "normalise": True, "kernel": 4, "dilation": 4},
    "deeplab_v2_vgg16": {"configuration": STAGES, "head": 8},
    "deeplab_v2_resnet101": THIN,
    "deeplab_v3_resnet50": {"width": 4, "head": 8},
    "deeplab_v3_resnet50, at 8": {"width": 4, "head": 8, "output_stride": 8},
    "deeplab_v3_resnet50, torchvision's": {"width": 4, "head": 8, **TORCHVISIONS},
    "deeplab_v3plus_resnet101": {**THIN, "head": 8, "reduced": 4},
    "pspnet_resnet50": {"width": 4, "head": 8},
    "upernet_resnet50": {"width": 4, "channels": 8},
}


def small(name, classes=5, **options):
    torch.manual_seed(0)
    return zoo.build(name.split(",")[0], classes=classes, **SMALL[name], **options)


def on_meta(make, *arguments, **options):
    with torch.device("meta"):
        return make(*arguments, **options)


def count(network):
    return sum(weights.numel() for weights in network.parameters())


def draw_(network, seed=1):
    """Give each layer weights, biases and statistics that matter."""
    generator = torch.Generator().manual_seed(seed)
    for values in network.state_dict().values():
        if values.ndim > 1:
            values.normal_(0, 1 / math.sqrt(math.prod(values.shape[1:])), generator=generator)
        elif values.is_floating_point():
            values.uniform_(0.5, 1, generator=generator)
    return network


# Against torchvision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [50, 101])
@torch.no_grad()
def test_with_the_same_weights_deeplab_v3_computes_what_torchvisions_does(depth):
    theirs = draw_(models.get_model(f"deeplabv3_resnet{depth}", weights=None, weights_backbone=None)).eval()
    ours = on_meta(zoo.build, f"deeplab_v3_resnet{depth}", **TORCHVISIONS).to_empty(device="cpu").eval()
    zoo.copy_weights(ours, theirs, size=33)
    x = torch.randn(1, 3, 49, 70, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x)["out"])


@pytest.mark.parametrize("depth", [50, 101])
def test_parameters_and_macs_of_deeplab_v3_are_torchvisions_without_its_auxiliary_head(depth):
    published = models.get_model_weights(f"deeplabv3_resnet{depth}")["COCO_WITH_VOC_LABELS_V1"].meta
    auxiliary = on_meta(models.segmentation.fcn.FCNHead, 1024, 21)
    ours = on_meta(zoo.build, f"deeplab_v3_resnet{depth}", **TORCHVISIONS)
    side = 65  # units a side of 520 pixels, which is what torchvision counted operations for
    macs = sum(layer.weight.numel() for layer in auxiliary if isinstance(layer, nn.Conv2d)) * side**2
    assert count(ours) + count(auxiliary) == published["num_params"]
    assert (trace(ours, (3, 520, 520)).macs + macs) / 1e9 == pytest.approx(published["_ops"], abs=0.001)


@pytest.mark.parametrize(
    ("output_stride", "replaced"), [(16, [False, False, True]), (8, [False, True, True]), (4, [True] * 3)]
)
@torch.no_grad()
def test_a_dilated_resnet_is_that_of_replace_stride_with_dilation(output_stride, replaced):
    theirs = draw_(models.resnet50(replace_stride_with_dilation=replaced, num_classes=10)).eval()
    ours = on_meta(resnet.resnet, 50, 10, output_stride=output_stride).to_empty(device="cpu").eval()
    zoo.copy_weights(ours, theirs, size=32)
    x = torch.randn(1, 3, 47, 33, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x))
    dilations = [[layer.dilation for layer in in_order(network, x) if isinstance(layer, nn.Conv2d)]
                 for network in (ours, theirs)]  # fmt: skip
    assert dilations[0] == dilations[1]


@pytest.mark.parametrize("depth", [18, 50, 101])
def test_a_resnet_of_no_dilation_draws_the_weights_it_always_drew(depth):
    """A head is made before anything is initialised, so that a seed gives the network that it gave before."""
    torch.manual_seed(0)
    layers = list(resnet.backbone(depth, width=8).modules())
    nn.Linear(64 if depth < 50 else 256, 3)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    torch.manual_seed(0)
    network = resnet.resnet(depth, 3, width=8)
    for layer, other in zip(layers, (part for part in network.modules() if part is not network.fc), strict=False):
        if isinstance(layer, nn.Conv2d):
            assert torch.equal(layer.weight, other.weight)


# What dilation means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride_on", ["1x1", "3x3"])
@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("output_stride", [4, 8, 16])
@torch.no_grad()
def test_a_dilated_resnet_computes_all_units_of_the_original_and_others_between_them(depth, stride_on, output_stride):
    original = draw_(resnet.backbone(depth, stride_on, width=4)).double().eval()
    dilated = resnet.backbone(depth, stride_on, width=4, output_stride=output_stride).double().eval()
    dilated.load_state_dict(original.state_dict())
    x = torch.randn(1, 3, 97, 110, dtype=torch.double)
    step = 32 // output_stride
    found = dilated(x)
    assert found.shape[2:] == (math.ceil(97 / output_stride), math.ceil(110 / output_stride))
    torch.testing.assert_close(found[:, :, ::step, ::step], original(x))


@pytest.mark.parametrize(("depth", "stride_on", "size"), [(50, "1x1", 483), (101, "1x1", 1027), (50, "3x3", 427),
                                                          (101, "3x3", 971), (152, "3x3", 1451)])  # fmt: skip
@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
def test_a_dilated_resnet_sees_as_much_as_the_original_from_more_places(depth, stride_on, size, output_stride):
    network = on_meta(resnet.backbone, depth, stride_on, output_stride=output_stride)
    field = trace(network, (3, 225, 225)).receptive_field
    assert (field.size, field.jump, field.start) == ((size, size), (output_stride,) * 2, (0.0, 0.0))


def reached(layers, size):
    """Which of `size` pixels along one axis the middle unit sees, by the gradient of the layers themselves."""
    x = torch.ones(1, 1, size, size, dtype=torch.double, requires_grad=True)
    y = layers(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    return x.grad[0, 0] != 0


def ones(dilations):
    layers = nn.Sequential(
        *(nn.Conv2d(1, 1, 3, padding=rate, dilation=rate, bias=False) for rate in dilations)
    ).double()
    for layer in layers:
        nn.init.ones_(layer.weight)
    return layers


@pytest.mark.parametrize(
    ("dilations", "side", "holes"),
    [
        ((1, 1, 1), 7, 0),
        ((2, 2, 2), 13, 13 * 13 - 7 * 7),  # every other unit of every other row: gridding
        ((4, 4, 4), 25, 25 * 25 - 7 * 7),
        ((1, 2, 4), 15, 0),  # the grid of DeepLab v3 on undilated blocks
        ((1, 2, 2), 11, 0),  # the blocks of torchvision's conv5 at a stride of 16
        ((2, 4, 8), 29, 29 * 29 - 15 * 15),  # the same grid on blocks of dilation 2: their factor stays
        ((1, 2, 9), 25, 25 * 25 - 21 * 21),  # no common factor does not suffice
        ((1, 2, 5), 17, 0),
    ],
)
def test_dilations_of_one_factor_leave_holes_and_a_grid_of_different_ones_closes_them(dilations, side, holes):
    seen = reached(ones(dilations), 41)
    rows = seen.any(dim=1).nonzero().flatten()
    first, last = int(rows.min()), int(rows.max())
    assert last - first + 1 == side
    assert int((~seen[first : last + 1, first : last + 1]).sum()) == holes
    layers = [Conv(3, padding=rate, dilation=rate, channels=1) for rate in dilations]
    assert arithmetic.receptive_field(layers).size == (side, side)
    assert arithmetic.seen_units(layers, 20, 41)[0] == rows.tolist()


@pytest.mark.parametrize(
    ("output_stride", "grid", "dilations", "holes"),
    [
        (32, (1, 2, 4), (1, 2, 4), False),
        (32, (2, 2, 2), (2, 2, 2), True),
        (16, None, (1, 2, 2), False),
        (16, (1, 1, 1), (2, 2, 2), True),
        (16, (1, 2, 4), (2, 4, 8), True),
        (8, None, (2, 4, 4), True),
        (8, (1, 2, 4), (4, 8, 16), True),
    ],
)
def test_the_blocks_of_conv5_have_the_dilations_and_the_holes_of_the_grid(output_stride, grid, dilations, holes):
    blocks = resnet.backbone(50, width=1, output_stride=output_stride, grid=grid).conv5.double().eval()
    assert tuple(block.path.conv2.conv.dilation[0] for block in blocks) == dilations
    for layer in blocks.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)  # at 32 pixels the first block still has its stride; holes are counted in its units
    for name, values in blocks.state_dict().items():
        if values.is_floating_point():
            values.fill_(0 if name.endswith(("bias", "running_mean")) else 1 / math.prod(values.shape[1:] or (1,)))
    layers = nn.Sequential(nn.Conv2d(1, 16, 1).double(), blocks, nn.Conv2d(32, 1, 1).double())
    for layer in (layers[0], layers[2]):
        nn.init.ones_(layer.weight)
    seen = reached(layers, 65)
    rows = seen.any(dim=1).nonzero().flatten()
    inside = seen[rows.min() : rows.max() + 1, rows.min() : rows.max() + 1]
    assert len(inside) == 1 + 2 * sum(dilations)
    assert bool((~inside).any()) == holes


@pytest.mark.parametrize("output_stride", [8, 16])
def test_the_outermost_pixels_that_conv5_sees_are_those_of_its_field(output_stride):
    network = resnet.backbone(50, width=1, output_stride=output_stride).double().eval()
    field = trace(network, (3, 225, 225)).receptive_field
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d):
                part.add_module(name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    for name, values in network.state_dict().items():
        if values.is_floating_point():
            values.fill_(0 if name.endswith(("bias", "running_mean")) else 1 / math.prod(values.shape[1:] or (1,)))
    unit = math.ceil(field.size[1] / 2 / output_stride)
    x = torch.full((1, 3, 9, 2 * unit * output_stride + 1), 1e-3, dtype=torch.double, requires_grad=True)
    network(x)[0, 0, 0, unit].backward()
    along = x.grad[0].ne(0).any(dim=0).any(dim=0).nonzero().flatten()
    assert (int(along.min()), int(along.max())) == field.interval(unit, axis=1)


# Against the papers -------------------------------------------------------------------------------------------------

VGG = 14_714_688  # the thirteen convolutions of VGG-16
RESNET = {50: 25_557_032 - 2_049_000, 101: 44_549_160 - 2_049_000}  # torchvision's, without the classifier


def convolution(before, made, kernel):
    """Numbers that a convolution of weights and biases learns, or of weights and batch normalisation's two."""
    return kernel * kernel * before * made + made, kernel * kernel * before * made + 2 * made


def test_the_counts_of_the_encoders_are_torchvisions():
    assert count(on_meta(models.vgg16).features) == VGG
    for depth, parameters in RESNET.items():
        network = on_meta(models.get_model, f"resnet{depth}")
        assert count(network) - count(network.fc) == parameters


@pytest.mark.parametrize(
    ("options", "millions", "reach"),
    [
        ({"kernel": 7, "dilation": 4, "head": 4096}, 134.3, 24),
        ({"kernel": 4, "dilation": 4, "head": 4096}, 65.1, 12),
        ({"kernel": 4, "dilation": 8, "head": 4096}, 65.1, 24),
        ({}, 20.5, 24),
    ],
)
def test_deeplab_v1_has_the_parameters_and_the_views_of_its_table_2(options, millions, reach):
    """The table gives fields of view of 224, 128, 224 and 224 pixels: (reach + 4)·8."""
    traced = zoo.MODELS["deeplab_v1"].trace(**options)
    assert round(traced.parameters / 1e6, 1) == millions
    before, after = (traced.row(name).receptive_field.size[0] for name in ("encoder", "head.fc6"))
    assert after - before == 8 * reach
    assert traced.row("head.fc6").output_shape[1:] == (41, 41)  # of crops of 321 pixels


def test_parameters_are_those_of_the_papers_layers():
    branch = convolution(512, 1024, 3)[0] + convolution(1024, 1024, 1)[0] + convolution(1024, 21, 1)[0]
    aspp = convolution(2048, 256, 1)[1] * 2 + 3 * convolution(2048, 256, 3)[1] + convolution(5 * 256, 256, 1)[1]
    decoder = convolution(256, 48, 1)[1] + convolution(256 + 48, 256, 3)[1] + convolution(256, 256, 3)[1]
    pooling = 4 * convolution(2048, 512, 1)[1] + convolution(4096, 512, 3)[1]
    laterals = sum(convolution(channels, 512, 1)[1] for channels in (256, 512, 1024))
    expected = {
        "deeplab_v1": VGG + branch,
        "deeplab_v2_vgg16": VGG + 4 * branch,
        "deeplab_v2_resnet101": RESNET[101] + 4 * convolution(2048, 21, 3)[0],
        "deeplab_v3_resnet50": RESNET[50] + aspp + convolution(256, 21, 1)[0],
        "deeplab_v3_resnet101": RESNET[101] + aspp + convolution(256, 21, 1)[0],
        "deeplab_v3plus_resnet101": RESNET[101] + aspp + decoder + convolution(256, 21, 1)[0],
        "pspnet_resnet50": RESNET[50] + pooling + convolution(512, 150, 1)[0],
        "pspnet_resnet101": RESNET[101] + pooling + convolution(512, 150, 1)[0],
        "upernet_resnet50": RESNET[50] + pooling + laterals + 3 * convolution(512, 512, 3)[1]
        + convolution(4 * 512, 512, 3)[1] + convolution(512, 150, 1)[0],
    }  # fmt: skip
    assert {name: zoo.MODELS[name].trace().parameters for name in expected} == expected
    assert set(expected) == {name for name, model in zoo.MODELS.items() if model.family in FAMILIES}


FAMILIES = ("deeplab", "pspnet", "upernet")


@pytest.mark.parametrize(
    ("name", "options", "row", "shape"),
    [
        ("deeplab_v1", {}, "encoder.pool5", (512, 41, 41)),
        ("deeplab_v2_resnet101", {}, "encoder.conv5", (2048, 41, 41)),
        ("deeplab_v3_resnet50", {}, "encoder.conv5", (2048, 33, 33)),
        ("deeplab_v3_resnet50", {"output_stride": 8}, "encoder.conv5", (2048, 65, 65)),
        ("deeplab_v3_resnet101", {}, "head.aspp", (256, 33, 33)),
        ("deeplab_v3plus_resnet101", {}, "encoder.conv2", (256, 129, 129)),
        ("deeplab_v3plus_resnet101", {}, "decoder", (21, 129, 129)),
        ("pspnet_resnet50", {}, "pyramid", (4096, 60, 60)),
        ("pspnet_resnet101", {}, "pyramid.levels.bins6.pool", (2048, 6, 6)),
        ("upernet_resnet50", {}, "encoder.conv5", (2048, 16, 16)),
        ("upernet_resnet50", {}, "fuse", (512, 128, 128)),
    ],
)
def test_maps_have_the_output_strides_of_the_papers(name, options, row, shape):
    assert zoo.MODELS[name].trace(**options).row(row).output_shape == shape


def dilations(network, kernel=3):
    return [layer.dilation[0] for layer in network.modules()
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (kernel, kernel)]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "encoder", "pyramid"),
    [
        ("deeplab_v1", {}, [1] * 10 + [2] * 3, [12]),
        ("deeplab_v2_vgg16", {}, [1] * 10 + [2] * 3, [6, 12, 18, 24]),
        # Its first 1×1 convolutions had the strides, so all that comes after is dilated.
        ("deeplab_v2_resnet101", {}, [1] * 7 + [2] * 23 + [4] * 3, [6, 12, 18, 24]),
        ("deeplab_v3_resnet50", {}, [1] * 13 + [2, 4, 8], [6, 12, 18]),
        ("deeplab_v3_resnet50", {"output_stride": 8}, [1] * 8 + [2] * 5 + [4, 8, 16], [12, 24, 36]),
        ("deeplab_v3_resnet50", TORCHVISIONS, [1] * 8 + [2] * 6 + [4] * 2, [12, 24, 36, 1]),
    ],
)
def test_dilations_are_those_of_the_papers(name, options, encoder, pyramid):
    network = on_meta(zoo.build, name, **options)
    assert dilations(network.encoder) == encoder
    assert dilations(network.head) == pyramid


def test_what_a_network_cites_is_in_the_bibliography():
    text = (Path(__file__).resolve().parents[1] / "book" / "references.bib").read_text()
    keys = re.findall(r"@\w+\{([^,]+),", text)
    cited = {model.reference for model in zoo.MODELS.values() if model.family in FAMILIES}
    assert len(cited) == 6 and all(keys.count(key) == 1 for key in cited)


# All of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(64, 64), (61, 47), (33, 70), (1, 5)])
def test_every_size_of_image_gets_a_label_for_each_pixel(name, size):
    with torch.no_grad():
        assert small(name).eval()(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("name", SMALL)
def test_the_loss_reaches_every_parameter(name):
    network = small(name).train()
    images = torch.rand(2, 3, 64, 64)
    F.cross_entropy(network(images), torch.randint(5, (2, 64, 64))).backward()
    unreached = [name for name, weights in network.named_parameters() if not weights.grad.any()]
    assert unreached == []


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("build", [deeplab.v3, deeplab.v2_resnet, deeplab.DeepLabV3Plus, pspnet.PSPNet])
def test_every_depth_and_output_stride_fits(build, depth):
    for output_stride in (4, 8, 16, 32):
        options = {"grid": None} if build in (deeplab.v3, deeplab.DeepLabV3Plus) else {}
        network = on_meta(build, depth, classes=3, width=8, output_stride=output_stride, **options).eval()
        assert network(torch.zeros(1, 3, 40, 50, device="meta")).shape == (1, 3, 40, 50)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: resnet.backbone(50, output_stride=2), "output_stride must be 4, 8, 16 or 32, not 2."),
        (lambda: zoo.build("deeplab_v3_resnet50", output_stride=12), "output_stride must be 4, 8, 16 or 32, not 12."),
        (lambda: resnet.resnet(18, grid=(1, 2, 4)), "A grid needs a factor for each of the 2 blocks of conv5, not 3."),
        (lambda: deeplab.v3(20), "ResNet has depths 18, 34, 50, 101, 152, and no 20."),
        (lambda: deeplab.v2_resnet(stride_on="5x5"), 'stride_on must be "1x1" or "3x3", not \'5x5\'.'),
        (lambda: deeplab.v1(configuration="C"), "VGG has A, B, D, E of 3×3 convolutions alone, and no 'C'."),
        (lambda: deeplab.v1(kernel=4, dilation=3), "fc6 keeps the size if its kernel is odd or its dilation even; 4"),
        (lambda: deeplab.v3(rates=(6, 6)), "rates must be different numbers from 1 on, not (6, 6)."),
        (lambda: deeplab.v2_vgg(rates=()), "rates must be different numbers from 1 on, not ()."),
        (lambda: deeplab.v2_resnet(rates=[0]), "rates must be different numbers from 1 on, not (0,)."),
        (lambda: pspnet.PSPNet(bins=(1, 1)), "bins must be different numbers from 1 on, not (1, 1)."),
        (lambda: upernet.UperNet(bins=()), "bins must be different numbers from 1 on, not ()."),
    ],
)
def test_a_network_that_does_not_exist_is_refused_in_a_sentence(make, sentence):
    with torch.device("meta"), pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value).startswith(sentence)
