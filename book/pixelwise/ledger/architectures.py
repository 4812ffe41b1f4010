"""Claims of part II: sizes, parameters and costs of architectures, and what their papers report."""

import math

import torch
from torch import nn

from pixelwise import arithmetic, zoo
from pixelwise.arithmetic import Conv
from pixelwise.ledger.rows import Value, Verdict, cited, row
from pixelwise.tracing import Trace, trace

THOUSAND, MILLION, BILLION = 1e3, 1e6, 1e9


def traced(name: str, **options: object) -> Trace:
    """Return the trace of a network of the zoo on its own input."""
    return zoo.MODELS[name].trace(**options)


def sides(name: str, *layers: str) -> tuple[int, ...]:
    """Return the sides of a network's input and of the outputs of `layers`."""
    made = traced(name)
    return made.rows[0].input_shape[-1], *(made.row(layer).output_shape[-1] for layer in layers)


# 4 · LeNet, AlexNet, ZFNet, VGG ---------------------------------------------------------------------------------------


@row(
    chapter=4,
    claim="LeNet-5's maps shrink 32 → 28 → 14 → 10 → 5 → 1.",
    source="",
    references=("lecun1998gradient",),
    convention="sides of the input, C1, S2, C3, S4, C5",
    claimed=(32, 28, 14, 10, 5, 1),
    between=" → ",
    verdict="holds",
)
def lenet_sizes() -> Value:
    maps = [row.output_shape[-1] for row in traced("lenet5").rows if len(row.output_shape) == 3]
    return 32, *dict.fromkeys(maps)


@row(
    chapter=4,
    claim="LeNet-5 has 60,000 trainable parameters.",
    source="",
    references=("lecun1998gradient",),
    convention="with the paper's partly connected C3 and trainable subsampling, without the fixed codes of the output",
    claimed=60_000,
    verdict="holds",
)
def lenet_parameters() -> Value:
    return traced("lenet5").parameters


@row(
    chapter=4,
    claim="LeNet-5 has 340,908 connections.",
    source="",
    references=("lecun1998gradient",),
    convention="biases count, and so do the 84 inputs of each output unit",
    claimed=340_908,
    verdict="holds",
)
def lenet_connections() -> Value:
    units = {"C1": 6 * 28 * 28, "S2": 6 * 14 * 14, "S4": 16 * 5 * 5, "C5": 120, "F6": 84, "output": 10}
    inputs = {"C1": 5 * 5 + 1, "S2": 2 * 2 + 1, "S4": 2 * 2 + 1, "C5": 16 * 5 * 5 + 1, "F6": 120 + 1, "output": 84}
    c3 = sum(5 * 5 * len(seen) + 1 for seen in zoo.lenet.CONNECTIONS) * 10 * 10
    return c3 + sum(units[layer] * inputs[layer] for layer in units)


@row(
    chapter=4,
    claim="AlexNet's maps shrink 227 → 55 → 27 → 13 → 6.",
    source="L3",
    references=("krizhevsky2012imagenet",),
    convention="sides of the input, conv1, and the three poolings; the paper says 224, which does not give 55",
    claimed=(227, 55, 27, 13, 6),
    between=" → ",
    verdict="holds",
)
def alexnet_sizes() -> Value:
    return sides("alexnet_paper", "conv1", "pool1", "pool2", "pool5")


@row(
    chapter=4,
    claim="AlexNet's first fully connected layer takes 9216 numbers.",
    source="L3",
    convention="6 × 6 × 256",
    claimed=9216,
    verdict="holds",
)
def alexnet_fc6() -> Value:
    return traced("alexnet_paper").row("fc6").input_shape[-1]


@row(
    chapter=4,
    claim="AlexNet has 60 M parameters.",
    source="L1, L2, L3",
    references=("krizhevsky2012imagenet",),
    convention="two groups in conv2, conv4 and conv5; biases; to one digit",
    claimed=60 * MILLION,
    rounding=10 * MILLION,
    verdict="holds to rounding",
    why="To two digits it would be 61 M.",
)
def alexnet_parameters() -> Value:
    return traced("alexnet_paper").parameters


@row(
    chapter=4,
    claim="Without groups the same layers hold 62.4 M.",
    source="chapter 4",
    convention="the towers joined, all else equal",
    claimed=62.4 * MILLION,
    rounding=0.1 * MILLION,
    verdict="holds to rounding",
)
def alexnet_parameters_ungrouped() -> Value:
    with torch.device("meta"):
        network = zoo.build("alexnet_paper")
        for name, layer in network.named_children():
            if isinstance(layer, nn.Conv2d):
                channels = layer.in_channels, layer.out_channels
                setattr(network, name, nn.Conv2d(*channels, layer.kernel_size, layer.stride, layer.padding))
    return trace(network, (3, 227, 227)).parameters


@row(
    chapter=4,
    claim="torchvision's AlexNet has 61,100,840 parameters.",
    source="torchvision",
    references=("krizhevsky2014one",),
    convention="one tower, other widths",
    claimed=61_100_840,
    verdict="holds",
)
def alexnet_one_tower_parameters() -> Value:
    return traced("alexnet").parameters


@row(
    chapter=4,
    claim="The one-tower AlexNet's convolutions have 64, 192, 384, 384 and 256 filters.",
    source="",
    references=("krizhevsky2014one",),
    convention="the paper's footnote; counted in torchvision's network",
    claimed=(64, 192, 384, 384, 256),
    verdict="differs",
    why="torchvision's fourth convolution has 256, which fits the paper's number of parameters (next row).",
)
def alexnet_one_tower_widths() -> Value:
    return tuple(row.output_shape[0] for row in traced("alexnet").rows if row.kind == "Conv2d")


@row(
    chapter=4,
    claim="The one-tower AlexNet has 0.2 % more parameters than the two-tower one.",
    source="",
    references=("krizhevsky2014one",),
    convention="torchvision's against the network of 2012 with its groups",
    claimed=0.002,
    rounding=0.001,
    verdict="holds to rounding",
    form="{:.2%}",
    why="With the footnote's 384 filters in the fourth convolution it would be 1.43 %.",
)
def alexnet_one_tower_excess() -> Value:
    return traced("alexnet").parameters / traced("alexnet_paper").parameters - 1


@row(
    chapter=4,
    claim="AlexNet has 650 k units.",
    source="L1, L2, L3",
    references=("krizhevsky2012imagenet",),
    convention="outputs of convolutions and fully connected layers",
    claimed=650 * THOUSAND,
    rounding=10 * THOUSAND,
    verdict="differs",
    why="It rounds to 660 k. The paper's own figures by layer sum to 622 k, since it gives conv1 fewer (next row).",
)
def alexnet_units() -> Value:
    return sum(row.activations for row in traced("alexnet_paper").rows if row.parameters)


@row(
    chapter=4,
    claim="AlexNet's first layer has 253,440 units.",
    source="",
    references=("krizhevsky2012imagenet",),
    convention="55 × 55 places of 96 filters",
    claimed=253_440,
    verdict="differs",
    why="253,440 is 55 × 48 × 96; the paper's figures for all later layers hold.",
)
def alexnet_conv1_units() -> Value:
    return traced("alexnet_paper").row("conv1").activations


@row(
    chapter=4,
    claim="The layers after it have 186,624, 64,896, 64,896, 43,264, 4096, 4096 and 1000 units.",
    source="",
    references=("krizhevsky2012imagenet",),
    claimed=(186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000),
    verdict="holds",
)
def alexnet_later_units() -> Value:
    _, *later = [row.activations for row in traced("alexnet_paper").rows if row.parameters]
    return tuple(later)


@row(
    chapter=4,
    claim="AlexNet has 7 hidden layers.",
    source="L1",
    convention="layers with weights, but the last, which is the output",
    claimed=7,
    verdict="holds",
)
def alexnet_hidden_layers() -> Value:
    return sum(row.parameters > 0 for row in traced("alexnet_paper").rows) - 1


cited(
    "ilsvrc2012",
    (16.4, 26.2),
    chapter=4,
    claim="In ILSVRC 2012 five such networks make 16.4 % top-5 errors, the best other entry 26.2 %.",
    source="L2",
    references=("krizhevsky2012imagenet",),
    convention="per cent, test set; seven networks, two of them pre-trained on more images, made 15.3 %",
    claimed=(16.4, 26.2),
    verdict="cited",
    form="{:g} %",
)
cited(
    "human-error",
    5.1,
    chapter=4,
    claim="A trained person makes 5.1 % top-5 errors on ImageNet.",
    source="chapter 4",
    references=("russakovsky2015imagenet",),
    convention="per cent; one annotator, 1500 test images",
    claimed=5.1,
    verdict="cited",
    form="{:g} %",
)
cited(
    "second-human-error",
    12.0,
    chapter=4,
    claim="A second person makes 12.0 %.",
    source="chapter 4",
    references=("russakovsky2015imagenet",),
    convention="per cent; fewer images and less training",
    claimed=12.0,
    verdict="cited",
    form="{:.1f} %",
)


@row(
    chapter=4,
    claim="A guess at random makes 99.5 % top-5 errors.",
    source="chapter 4",
    convention="five different classes of 1000",
    claimed=0.995,
    verdict="holds",
    form="{:.1%}",
)
def random_top5() -> Value:
    return 1 - math.comb(999, 4) / math.comb(1000, 5)


ILSVRC_WINNERS = {  # year: top-5 error in per cent on the test set, without outside data, and who states it
    2010: (28.2, "russakovsky2015imagenet"),
    2011: (25.8, "russakovsky2015imagenet"),
    2013: (11.7, "russakovsky2015imagenet"),
    2014: (6.7, "russakovsky2015imagenet"),
    2016: (2.99, "ilsvrc2016results"),
    2017: (2.25, "hu2018squeeze"),
}
for _year, (_error, _reference) in ILSVRC_WINNERS.items():
    cited(
        f"ilsvrc{_year}-winner",
        _error,
        chapter=4,
        claim=f"The winner of ILSVRC {_year} makes {_error:g} % top-5 errors.",
        source="chapter 4",
        references=(_reference,),
        convention="per cent, classification, test set",
        claimed=_error,
        verdict="cited",
        form="{:g} %",
    )
cited(
    "imagenet-classes",
    (1000, 120),
    chapter=4,
    claim="The challenge has 1000 classes, 120 of them dog breeds.",
    source="L2",
    references=("russakovsky2015imagenet",),
    convention="since 2012, when 90 classes were exchanged for dog breeds",
    claimed=(1000, 120),
    verdict="cited",
)
cited(
    "imagenet-images",
    1_281_167,
    chapter=4,
    claim="It has 1.2 M images to train on.",
    source="L2",
    references=("russakovsky2015imagenet",),
    convention="training images since 2012",
    claimed=1.2 * MILLION,
    rounding=0.2 * MILLION,
    verdict="cited",
    why="Cut after the first decimal, not rounded: it would be 1.3 M.",
)


@row(
    chapter=4,
    claim="To say 1000 class names at a word a second takes 15 minutes.",
    source="L2",
    convention="minutes, to the nearest five",
    claimed=15,
    rounding=5,
    verdict="holds to rounding",
    form="{:.3g} min",
)
def naming_classes() -> Value:
    return 1000 / 60


@row(
    chapter=4,
    claim="To look at 50 k images for 2 seconds each takes more than a day.",
    source="L2",
    convention="hours, without a break",
    claimed=24,
    at_least=True,
    verdict="holds",
    form="{:.3g} h",
)
def looking_at_validation_images() -> Value:
    return 50_000 * 2 / 3600


@row(
    chapter=4,
    claim="To look at all 1.2 M takes a month.",
    source="L2",
    convention="2 seconds each, days without a break; a month of 30 days, to the nearest five",
    claimed=30,
    rounding=5,
    verdict="holds to rounding",
    form="{:.3g} d",
)
def looking_at_training_images() -> Value:
    return 1.2e6 * 2 / 86400


@row(
    chapter=4,
    claim="ZFNet's maps shrink 224 → 110 → 55 → 26 → 13 → 6.",
    source="",
    references=("zeiler2014visualizing",),
    convention="input, conv1, pool1, conv2, pool2, pool5; the paper leaves padding out, and there is one that fits",
    claimed=(224, 110, 55, 26, 13, 6),
    between=" → ",
    verdict="holds",
)
def zfnet_sizes() -> Value:
    return sides("zfnet", "conv1", "pool1", "conv2", "pool2", "pool5")


@row(
    chapter=4,
    claim="VGG configurations A, B, C, D, E have 133, 133, 134, 138, 144 M parameters.",
    source="",
    references=("simonyan2015very",),
    convention="weights and biases, 1000 classes",
    claimed=(133, 133, 134, 138, 144),
    rounding=1,
    verdict="holds to rounding",
    form="{:.4g} M",
)
def vgg_parameters() -> Value:
    return tuple(traced(name).parameters / MILLION for name in ("vgg11", "vgg13", "vgg16_c", "vgg16", "vgg19"))


@row(
    chapter=4,
    claim="VGG-16 has 138 M parameters.",
    source="L4",
    references=("simonyan2015very",),
    convention="weights and biases, 1000 classes",
    claimed=138 * MILLION,
    rounding=MILLION,
    verdict="holds to rounding",
)
def vgg16_parameters() -> Value:
    return traced("vgg16").parameters


# The lecture's table of VGG-16, row by row: numbers in the output, weights. Names as in Simonyan and Zisserman.
VGG16_TABLE = {
    "conv1_1": (224 * 224 * 64, 3 * 3 * 3 * 64),
    "conv1_2": (224 * 224 * 64, 3 * 3 * 64 * 64),
    "pool1": (112 * 112 * 64, 0),
    "conv2_1": (112 * 112 * 128, 3 * 3 * 64 * 128),
    "conv2_2": (112 * 112 * 128, 3 * 3 * 128 * 128),
    "pool2": (56 * 56 * 128, 0),
    "conv3_1": (56 * 56 * 256, 3 * 3 * 128 * 256),
    "conv3_2": (56 * 56 * 256, 3 * 3 * 256 * 256),
    "conv3_3": (56 * 56 * 256, 3 * 3 * 256 * 256),
    "pool3": (28 * 28 * 256, 0),
    "conv4_1": (28 * 28 * 512, 3 * 3 * 256 * 512),
    "conv4_2": (28 * 28 * 512, 3 * 3 * 512 * 512),
    "conv4_3": (28 * 28 * 512, 3 * 3 * 512 * 512),
    "pool4": (14 * 14 * 512, 0),
    "conv5_1": (14 * 14 * 512, 3 * 3 * 512 * 512),
    "conv5_2": (14 * 14 * 512, 3 * 3 * 512 * 512),
    "conv5_3": (14 * 14 * 512, 3 * 3 * 512 * 512),
    "pool5": (7 * 7 * 512, 0),
    "fc6": (4096, 7 * 7 * 512 * 4096),
    "fc7": (4096, 4096 * 4096),
    "fc8": (1000, 4096 * 1000),
}


def _vgg16_row(layer: str) -> None:
    def compute() -> Value:
        made = traced("vgg16").row(layer)
        biases = made.output_shape[0] if made.parameters else 0
        return made.activations, made.parameters - biases

    compute.__name__ = f"vgg16_{layer}"
    activations, weights = VGG16_TABLE[layer]
    row(
        chapter=4,
        claim=f"VGG-16's {layer} puts out {activations:,} numbers and holds {weights:,} weights.",
        source="L4",
        references=("simonyan2015very",),
        convention="activations, weights; biases left out, as in the lecture's table",
        claimed=(activations, weights),
        verdict="holds",
    )(compute)


for _layer in VGG16_TABLE:
    _vgg16_row(_layer)


@row(
    chapter=4,
    claim="VGG-16 makes 24 M activations.",
    source="L4",
    convention="the input and the outputs of convolutions, poolings and fully connected layers; ReLU works in place",
    claimed=24 * MILLION,
    rounding=MILLION,
    verdict="differs",
    why="The rows of the same table, each of which holds, sum to 15.2 M. With a copy for each ReLU it would be 28.8 M.",
)
def vgg16_activations() -> Value:
    return 3 * 224 * 224 + traced("vgg16").activations


@row(
    chapter=4,
    claim="They take 96 MB for the forward pass of one image.",
    source="L4",
    convention="4 bytes a number, millions of bytes",
    claimed=96,
    rounding=1,
    verdict="differs",
    why="Follows the row above; for training, gradients of the same size come on top.",
    form="{:.3g} MB",
)
def vgg16_memory() -> Value:
    return 4 * (3 * 224 * 224 + traced("vgg16").activations) / 1e6


@row(
    chapter=4,
    claim="Most of VGG-16's parameters sit in fc6.",
    source="L4",
    convention="share of all",
    claimed=0.5,
    at_least=True,
    verdict="holds",
    form="{:.0%}",
)
def vgg16_fc6_share() -> Value:
    return traced("vgg16").row("fc6").parameters / traced("vgg16").parameters


@row(
    chapter=4,
    claim="Its first two convolutions make 42 % of all activations.",
    source="chapter 4",
    convention="conv1_1 and conv1_2, of the outputs of convolutions, poolings and fully connected layers and the input",
    claimed=0.42,
    rounding=0.01,
    verdict="holds to rounding",
    form="{:.1%}",
)
def vgg16_conv1_share() -> Value:
    made = traced("vgg16")
    first = made.row("conv1_1").activations + made.row("conv1_2").activations
    return first / (3 * 224 * 224 + made.activations)


@row(
    chapter=4,
    claim="VGG-16 costs 15.47 G multiply–accumulates.",
    source="torchvision",
    convention="one 224×224 image; convolutions and fully connected layers, no biases",
    claimed=15.47,
    rounding=0.01,
    verdict="holds to rounding",
    form="{:.2f} G",
)
def vgg16_macs() -> Value:
    return traced("vgg16").macs / BILLION


cited(
    "vgg-top5-l2",
    7.3,
    chapter=4,
    claim="VGG makes 6.7 % top-5 errors in ILSVRC 2014.",
    source="L2",
    references=("simonyan2015very",),
    convention="per cent, test set, as submitted",
    claimed=6.7,
    verdict="differs",
    why="7.3 % in the challenge, 6.8 % in the paper's later best. 6.7 % is GoogLeNet's, which won.",
    form="{:g} %",
)
cited(
    "vgg-top5",
    7.3,
    chapter=4,
    claim="VGG makes 7.3 % top-5 errors in ILSVRC 2014.",
    source="L3, L4",
    references=("simonyan2015very",),
    convention="per cent, test set, as submitted",
    claimed=7.3,
    verdict="cited",
    form="{:g} %",
)

VGG_ERRORS = {
    "A": (29.6, 10.4),
    "A-LRN": (29.7, 10.5),
    "B": (28.7, 9.9),
    "C": (28.1, 9.4),
    "D": (27.0, 8.8),
    "E": (27.3, 9.0),
}
for _name, _errors in VGG_ERRORS.items():
    cited(
        f"vgg-{_name.lower()}-errors",
        _errors,
        chapter=4,
        claim=f"VGG's configuration {_name} makes {_errors[0]} % top-1 and {_errors[1]} % top-5 errors.",
        source="chapter 4",
        references=("simonyan2015very",),
        convention="per cent, validation set, table 3; one network, trained and tested at one scale, 256 pixels",
        claimed=_errors,
        verdict="cited",
        form="{:.1f} %",
    )
cited(
    "vgg-five-by-five",
    7,
    chapter=4,
    claim="With a 5×5 for each pair of 3×3, configuration B makes a top-1 error that is 7 % higher.",
    source="chapter 4",
    references=("simonyan2015very",),
    convention="per cent, as the paper's section 4.1 puts it; central crop",
    claimed=7,
    verdict="cited",
    form="{:g} %",
)

# 5 · Inception --------------------------------------------------------------------------------------------------------


@row(
    chapter=5,
    claim="GoogLeNet has 5 M parameters.",
    source="L3",
    references=("szegedy2015going",),
    convention="with the paper's 5×5 branches, without the auxiliary classifiers",
    claimed=5 * MILLION,
    rounding=MILLION,
    verdict="differs",
    why="About 7 M. The fully connected layer at the end, which some leave out, holds 1 M of them.",
)
def googlenet_parameters() -> Value:
    return traced("googlenet").parameters


@row(
    chapter=5,
    claim="With its batch normalisation and a 3×3 where the paper has 5×5, torchvision's has 6,624,904.",
    source="torchvision",
    convention="without the auxiliary classifiers",
    claimed=6_624_904,
    verdict="holds",
)
def googlenet_torchvision_parameters() -> Value:
    return traced("googlenet", five_as_three=True, batch_norm=True).parameters


@row(
    chapter=5,
    claim="With batch normalisation and the paper's 5×5 it would be 7,005,832.",
    source="chapter 5",
    convention="without the auxiliary classifiers",
    claimed=7_005_832,
    verdict="holds",
)
def googlenet_normalised_parameters() -> Value:
    return traced("googlenet", batch_norm=True).parameters


@row(
    chapter=5,
    claim="torchvision's costs 1.50 G multiply–accumulates.",
    source="torchvision",
    convention="as above, one 224×224 image",
    claimed=1.50,
    rounding=0.01,
    verdict="holds to rounding",
    form="{:.3f} G",
)
def googlenet_torchvision_macs() -> Value:
    return traced("googlenet", five_as_three=True, batch_norm=True).macs / BILLION


@row(
    chapter=5,
    claim="GoogLeNet has 12 times fewer parameters than AlexNet.",
    source="L3",
    references=("szegedy2015going",),
    convention="AlexNet with groups",
    claimed=12,
    rounding=1,
    verdict="differs",
    why="The paper's introduction says 12; its own table and ours give less than 9.",
    form="{:.3g}",
)
def googlenet_against_alexnet() -> Value:
    return traced("alexnet_paper").parameters / traced("googlenet").parameters


@row(
    chapter=5,
    claim="GoogLeNet has 22 layers.",
    source="L3",
    references=("szegedy2015going",),
    convention="with weights, along the longest path: the stem, two in each module, the last",
    claimed=22,
    verdict="holds",
)
def googlenet_depth() -> Value:
    network = zoo.build("googlenet")
    stem = sum(isinstance(layer, nn.Conv2d) for layer in network.stem.modules())
    modules = [part for name, part in network.named_children() if name.startswith("inception")]
    longest = sum(
        max(sum(isinstance(layer, nn.Conv2d) for layer in branch.modules()) for branch in module.children())
        for module in modules
    )
    return stem + longest + sum(isinstance(layer, nn.Linear) for layer in network.head.modules())


@row(
    chapter=5,
    claim="It stacks 9 inception modules.",
    source="L3",
    references=("szegedy2015going",),
    claimed=9,
    verdict="holds",
)
def googlenet_modules() -> Value:
    return len(zoo.googlenet.MODULES)


@row(
    chapter=5,
    claim="A 1×1 convolution from 64 to 32 channels compresses by 2.",
    source="L3",
    convention="numbers in over numbers out, any size",
    claimed=2,
    verdict="holds",
)
def one_by_one_compression() -> Value:
    before = (64, 56, 56)
    after = Conv(1, channels=32).output_shape(before)
    return math.prod(before) / math.prod(after)


@row(
    chapter=5,
    claim="Module 3a has 159 K parameters.",
    source="",
    references=("szegedy2015going",),
    convention="weights without biases, in units of 1024",
    claimed=159,
    rounding=1,
    verdict="holds to rounding",
    form="{:.4g} K",
    why="163 thousand in units of 1000: the paper's K counts 1024. At 159.5 it cut rather than rounded.",
)
def inception_3a_parameters() -> Value:
    module = zoo.build("googlenet").inception3a
    return sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, nn.Conv2d)) / 1024


@row(
    chapter=5,
    claim="Module 3a costs 128 M operations.",
    source="",
    references=("szegedy2015going",),
    convention="multiply–accumulates on 28×28",
    claimed=128,
    rounding=1,
    verdict="holds to rounding",
    form="{:.2f} M",
)
def inception_3a_macs() -> Value:
    return trace(zoo.build("googlenet").inception3a, (192, 28, 28)).macs / MILLION


@row(
    chapter=5,
    claim="GoogLeNet stays within 1.5 billion multiply–adds.",
    source="",
    references=("szegedy2015going", "ioffe2015batch"),
    convention="one 224×224 image, without the auxiliary classifiers; the first layer separable (next rows)",
    claimed=1.5,
    rounding=0.01,
    verdict="holds to rounding",
    why="With an ordinary 7×7 convolution as the first layer it is 1.58 G.",
    form="{:.2f} G",
)
def googlenet_macs() -> Value:
    made = traced("googlenet")
    return (made.macs - made.row("stem.conv1").macs + separable_stem_weights() * 112 * 112) / BILLION


def separable_stem_weights() -> int:
    """Return the weights of a 7×7 convolution of each colour to 8 maps and a 1×1 from these 24 to 64, no biases."""
    depthwise, pointwise = (
        Conv(7, stride=2, padding=3, channels=3 * 8, groups=3, bias=False),
        Conv(1, channels=64, bias=False),
    )
    return arithmetic.parameters([depthwise, pointwise], 3)


@row(
    chapter=5,
    claim="GoogLeNet's first row has 2.7 K parameters.",
    source="",
    references=("szegedy2015going", "ioffe2015batch"),
    convention="a separable 7×7: 8 maps of each colour, then a 1×1 to 64; weights, in thousands",
    claimed=2.7,
    rounding=0.1,
    verdict="holds to rounding",
    form="{:.3f} K",
    why="An ordinary 7×7 convolution has 9.4 K. The same authors' next paper describes the separable one.",
)
def googlenet_stem_parameters() -> Value:
    return separable_stem_weights() / THOUSAND


@row(
    chapter=5,
    claim="GoogLeNet's first row costs 34 M operations.",
    source="",
    references=("szegedy2015going", "ioffe2015batch"),
    convention="multiply–accumulates of the same separable 7×7 with stride 2, on 224×224",
    claimed=34,
    rounding=1,
    verdict="holds to rounding",
    form="{:.1f} M",
    why="An ordinary 7×7 convolution costs 118 M.",
)
def googlenet_stem_macs() -> Value:
    return separable_stem_weights() * 112 * 112 / MILLION


cited(
    "googlenet-top5",
    6.67,
    chapter=5,
    claim="GoogLeNet makes 6.7 % top-5 errors and wins ILSVRC 2014.",
    source="L2, L3",
    references=("szegedy2015going",),
    convention="per cent, test set; seven networks, many crops",
    claimed=6.7,
    rounding=0.1,
    verdict="cited",
    form="{:g} %",
)

# 6 · Residual networks ------------------------------------------------------------------------------------------------

RESNET_PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
RESNET_FLOPS = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}  # table 1 of the paper


def _resnet_parameters(depth: int) -> None:
    def compute() -> Value:
        return traced(f"resnet{depth}").parameters

    compute.__name__ = f"resnet{depth}_parameters"
    row(
        chapter=6,
        claim=f"ResNet-{depth} has {RESNET_PARAMETERS[depth]:,} parameters.",
        source="L4, torchvision",
        references=("he2016deep",),
        convention="with the scales and shifts of batch normalisation, without its running statistics",
        claimed=RESNET_PARAMETERS[depth],
        verdict="holds",
    )(compute)


def _macs_without_projections(made: Trace) -> int:
    """Return the multiply–accumulates of a ResNet whose shortcuts have no parameters: the paper's option A."""
    return sum(row.macs for row in made.rows if "shortcut" not in row.name)


def _resnet_flops(depth: int, verdict: Verdict, why: str = "") -> None:
    projections = depth >= 50

    def compute() -> Value:
        if projections:
            return traced(f"resnet{depth}", stride_on="1x1").macs / BILLION
        return _macs_without_projections(traced(f"resnet{depth}")) / BILLION

    shortcuts = (
        "stride on the 1×1 (v1), projections" if projections else "shortcuts without parameters (the paper's option A)"
    )
    compute.__name__ = f"resnet{depth}_flops"
    row(
        chapter=6,
        claim=f"ResNet-{depth} costs {RESNET_FLOPS[depth]} billion multiply–adds.",
        source="",
        references=("he2016deep",),
        convention=f"one 224×224 image, {shortcuts}",
        claimed=RESNET_FLOPS[depth],
        rounding=0.1,
        verdict=verdict,
        why=why,
        form="{:.3f} G",
    )(compute)


for _depth in RESNET_PARAMETERS:
    _resnet_parameters(_depth)
_resnet_flops(18, "holds to rounding")
_resnet_flops(34, "holds to rounding", "With torchvision's projections (option B) it is 3.66 G, which rounds to 3.7.")
_resnet_flops(50, "differs", "Cut after the first decimal instead of rounded, it is 3.8.")
_resnet_flops(101, "holds to rounding")
_resnet_flops(152, "holds to rounding")


@row(
    chapter=6,
    claim="ResNet-50 costs 4.089 G multiply–accumulates.",
    source="torchvision",
    convention="stride on the 3×3 (v1.5)",
    claimed=4.089,
    rounding=0.001,
    verdict="holds to rounding",
    form="{:.3f} G",
)
def resnet50_macs() -> Value:
    return traced("resnet50").macs / BILLION


cited(
    "resnet-weight-decay",
    1e-4,
    chapter=6,
    claim="ResNet is trained with weight decay 1e-5.",
    source="L4",
    references=("he2016deep",),
    claimed=1e-5,
    verdict="differs",
    why="The paper says 0.0001.",
)
cited(
    "resnet-initialisation",
    "He",
    chapter=6,
    claim="ResNet is initialised after Xavier.",
    source="L4",
    references=("he2016deep", "he2015delving"),
    convention="the lecture names He as the author of Xavier initialisation",
    claimed="Xavier",
    verdict="differs",
    why="After He et al. 2015, who keep the variance through ReLUs. Xavier Glorot's is another, for symmetric units.",
)
cited(
    "resnet-recipe",
    (256, 0.1, 0.9),
    chapter=6,
    claim="ResNet is trained in batches of 256, from a learning rate of 0.1, with momentum 0.9.",
    source="L4",
    references=("he2016deep",),
    claimed=(256, 0.1, 0.9),
    verdict="cited",
    form="{:g}",
)
cited(
    "resnet152-top5",
    4.49,
    chapter=6,
    claim="ResNet-152 makes 3.57 % top-5 errors.",
    source="L3, L4",
    references=("he2016deep",),
    convention="per cent; one network, ImageNet's validation set",
    claimed=3.57,
    verdict="differs",
    why="3.57 % is what an ensemble of six networks, two of them with 152 layers, made on the test set of ILSVRC 2015.",
    form="{:g} %",
)


@row(
    chapter=6,
    claim="In a residual net the paths are half as deep as the net, on average.",
    source="L3",
    references=("veit2016residual",),
    convention="mean number of blocks on a path, over all 2ⁿ; n = 54 blocks, as in ResNet-110",
    claimed=27,
    verdict="holds",
)
def residual_path_depth() -> Value:
    return sum(k * math.comb(54, k) for k in range(55)) / 2**54


@row(
    chapter=6,
    claim="More than 95 % of the paths go through 19 to 35 of the 54 blocks.",
    source="",
    references=("veit2016residual",),
    convention="share of 2⁵⁴ paths",
    claimed=0.95,
    at_least=True,
    verdict="holds",
    form="{:.1%}",
)
def residual_path_range() -> Value:
    return sum(math.comb(54, k) for k in range(19, 36)) / 2**54


@row(
    chapter=6,
    claim="The 34-layer net needs 18 % of the multiply–adds of VGG-19.",
    source="",
    references=("he2016deep",),
    convention="one 224×224 image, shortcuts without parameters",
    claimed=0.18,
    rounding=0.01,
    verdict="differs",
    form="{:.1%}",
    why="From the paper's rounded 3.6 and 19.6 billion 18 % follow; from exact counts 19 %.",
)
def resnet34_against_vgg19() -> Value:
    return _macs_without_projections(traced("resnet34")) / traced("vgg19").macs


for _depth, _plain, _residual in ((18, 27.94, 27.88), (34, 28.54, 25.03)):
    cited(
        f"plain-against-residual-{_depth}",
        (_plain, _residual),
        chapter=6,
        claim=f"With {_depth} layers the plain network makes {_plain} % top-1 errors, the residual one {_residual} %.",
        source="chapter 6",
        references=("he2016deep",),
        convention="per cent, ImageNet's validation set, ten crops, table 2; shortcuts without parameters",
        claimed=(_plain, _residual),
        verdict="cited",
        form="{:.2f} %",
    )

# 7 · Beyond ResNet ----------------------------------------------------------------------------------------------------


def _parameters(name: str, title: str, reference: str, claimed: int, source: str = "torchvision") -> None:
    def compute() -> Value:
        return traced(name).parameters

    compute.__name__ = f"{name}_parameters"
    row(
        chapter=7,
        claim=f"{title} has {claimed:,} parameters.",
        source=source,
        references=(reference,),
        convention="1000 classes",
        claimed=claimed,
        verdict="holds",
    )(compute)


_parameters("densenet121", "DenseNet-121", "huang2017densely", 7_978_856)
_parameters("mobilenet_v1", "MobileNet v1", "howard2017mobilenets", 4_231_976, source="chapter 7")
_parameters("mobilenet_v2", "MobileNet v2", "sandler2018mobilenetv2", 3_504_872)
_parameters("resnext50_32x4d", "ResNeXt-50 32×4d", "xie2017aggregated", 25_028_904)
_parameters("wide_resnet50_2", "Wide ResNet-50-2", "zagoruyko2016wide", 68_883_240)
_parameters("vit_b_16", "ViT-B/16", "dosovitskiy2021image", 86_567_656)
_parameters("swin_t", "Swin-T", "liu2021swin", 28_288_354)


def _published_parameters(
    name: str, title: str, reference: str, millions: float, verdict: Verdict, why: str = ""
) -> None:
    def compute() -> Value:
        return traced(name).parameters / MILLION

    compute.__name__ = f"{name}_published_parameters"
    row(
        chapter=7,
        claim=f"{title} has {millions:g} M parameters.",
        source="",
        references=(reference,),
        convention="millions, 1000 classes",
        claimed=millions,
        rounding=0.1 if millions % 1 else 1,
        verdict=verdict,
        why=why,
        form="{:.4g} M",
    )(compute)


_published_parameters("mobilenet_v1", "MobileNet v1", "howard2017mobilenets", 4.2, "holds to rounding")
_published_parameters(
    "mobilenet_v2",
    "MobileNet v2",
    "sandler2018mobilenetv2",
    3.4,
    "differs",
    "Weights alone, without the scales and shifts of batch normalisation and the last bias, come to 3.47 M.",
)
_published_parameters("swin_t", "Swin-T", "liu2021swin", 29, "differs", "28.3 M, which rounds to 28.")


def _without_classifier(name: str) -> int:
    made = traced(name)
    *_, classifier = (row for row in made.rows if row.output_shape == (1000,))
    return made.parameters - classifier.parameters


@row(
    chapter=7,
    claim="ViT-B/16 has 86 M parameters.",
    source="",
    references=("dosovitskiy2021image",),
    convention="millions, without the classifier",
    claimed=86,
    rounding=1,
    verdict="holds to rounding",
    form="{:.4g} M",
    why="85.8 M; with the classifier for 1000 classes 86.6 M, which would round to 87.",
)
def vit_b_16_published_parameters() -> Value:
    return _without_classifier("vit_b_16") / MILLION


@row(
    chapter=7,
    claim="Mixer-B/16 has 59 M parameters.",
    source="",
    references=("tolstikhin2021mlpmixer",),
    convention="without the classifier",
    claimed=59 * MILLION,
    rounding=MILLION,
    verdict="holds to rounding",
)
def mixer_parameters() -> Value:
    return _without_classifier("mixer_b_16")


@row(
    chapter=7,
    claim="A depthwise separable convolution costs 1/C_out + 1/k² of a full one.",
    source="L4",
    references=("howard2017mobilenets",),
    convention="multiply–accumulates; k = 3, 256 channels in and out, on 14×14",
    claimed=1 / 256 + 1 / 9,
    verdict="holds",
    form="{:.4f}",
)
def separable_cost() -> Value:
    shape = (256, 14, 14)
    full = [Conv(3, padding=1, channels=256)]
    separable = [Conv(3, padding=1, channels=256, groups=256), Conv(1, channels=256)]
    return arithmetic.macs(separable, shape) / arithmetic.macs(full, shape)


@row(
    chapter=7,
    claim="MobileNet v1 costs 569 M multiply–adds.",
    source="",
    references=("howard2017mobilenets",),
    convention="width 1, 224×224",
    claimed=569 * MILLION,
    rounding=MILLION,
    verdict="holds to rounding",
)
def mobilenet_v1_macs() -> Value:
    return traced("mobilenet_v1").macs


@row(
    chapter=7,
    claim="MobileNet v2 costs 300 M multiply–adds.",
    source="",
    references=("sandler2018mobilenetv2",),
    convention="width 1, 224×224, to two digits",
    claimed=300 * MILLION,
    rounding=10 * MILLION,
    verdict="holds to rounding",
)
def mobilenet_v2_macs() -> Value:
    return traced("mobilenet_v2").macs


@row(
    chapter=7,
    claim="ShuffleNet v1 with 3 groups costs 137 M multiply–adds.",
    source="",
    references=("zhang2018shufflenet",),
    convention="width 1, 224×224, convolutions only: the paper leaves the classifier out, as its other rows show",
    claimed=137,
    rounding=1,
    verdict="holds to rounding",
    form="{:.4g} M",
)
def shufflenet_macs() -> Value:
    made = traced("shufflenet_v1")
    return (made.macs - made.row("fc").macs) / MILLION


@row(
    chapter=7,
    claim="ShuffleNet v2 has 2,278,604 parameters.",
    source="torchvision",
    references=("ma2018shufflenet",),
    convention="width 1, 1000 classes",
    claimed=2_278_604,
    verdict="holds",
)
def shufflenet_v2_parameters() -> Value:
    return traced("shufflenet_v2").parameters


@row(
    chapter=7,
    claim="SE-ResNet-50 adds about 2.5 M parameters to ResNet-50, 10 %.",
    source="",
    references=("hu2018squeeze",),
    convention="millions, to 0.1; reduction 16, biases in the two small layers",
    claimed=2.5,
    rounding=0.1,
    verdict="holds to rounding",
    form="{:.3f} M",
)
def se_resnet50_adds() -> Value:
    return (traced("se_resnet50").parameters - traced("resnet50").parameters) / MILLION


cited(
    "se-resnet50-top1",
    (24.80, 23.29),
    chapter=7,
    claim="Squeeze-and-excitation lowers ResNet-50's top-1 error from 24.80 to 23.29 %.",
    source="chapter 7",
    references=("hu2018squeeze",),
    convention="per cent, ImageNet's validation set, one central crop, both trained by the authors",
    claimed=(24.80, 23.29),
    verdict="cited",
    form="{:.2f} %",
)


@row(
    chapter=7,
    claim="A ResNet block 256-64-64-256 and a ResNeXt block of 32 paths of width 4 hold about 70 k weights each.",
    source="",
    references=("xie2017aggregated",),
    convention="no biases, no normalisation; C(256d + 9d² + 256d)",
    claimed=(70 * THOUSAND, 70 * THOUSAND),
    rounding=THOUSAND,
    verdict="holds to rounding",
)
def resnext_block() -> Value:
    def block(inner: int, groups: int) -> int:
        grouped = Conv(3, padding=1, channels=inner, groups=groups, bias=False)
        return arithmetic.parameters(
            [Conv(1, channels=inner, bias=False), grouped, Conv(1, channels=256, bias=False)], 256
        )

    return block(64, 1), block(128, 32)


@row(
    chapter=7,
    claim="ViT-B/16 turns a 224×224 image into 14×14 tokens of 768 numbers, and a class token.",
    source="",
    references=("dosovitskiy2021image",),
    convention="rows and columns of patches; tokens with the class token, and numbers in each",
    claimed=(14, 14, 197, 768),
    verdict="holds",
)
def vit_tokens() -> Value:
    made = traced("vit_b_16")
    return *made.row("patches.conv").output_shape[1:], *made.row("embedding").output_shape
