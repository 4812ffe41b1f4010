"""Claims of part I: convolution as a layer, its backward pass, receptive fields."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import zoo
from pixelwise.arithmetic import (
    Conv,
    Layer,
    Pool,
    convolution_output_size,
    output_shape,
    parameters,
    receptive_field,
)
from pixelwise.ledger.rows import Value, row

# 1 · Convolution as a layer -------------------------------------------------------------------------------------------


@row(
    chapter=1,
    claim="A 3×3 window finds 5 places a side on a 7×7 input at stride 1, and 3 at stride 2.",
    source="L2",
    convention="no padding",
    claimed=(5, 3),
    verdict="holds",
)
def seven_by_seven() -> Value:
    return tuple(convolution_output_size(7, kernel=3, stride=stride) for stride in (1, 2))


@row(
    chapter=1,
    claim="Six 5×5 filters make 28×28×6 of a 32×32×3 image.",
    source="L3",
    convention="C, H, W; no padding, stride 1",
    claimed=(6, 28, 28),
    between="×",
    verdict="holds",
)
def six_filters() -> Value:
    return tuple(nn.Conv2d(3, 6, 5)(torch.zeros(3, 32, 32)).shape)


@row(
    chapter=1,
    claim="As a matrix, a 5×5 filter on a 32×32 image has one row for each of its 28×28 places.",
    source="L3",
    convention="rows, columns; one channel, no padding",
    claimed=(28 * 28, 32 * 32),
    between="×",
    verdict="holds",
)
def filter_matrix() -> Value:
    pixels = torch.eye(32 * 32).reshape(-1, 1, 32, 32)
    columns = F.conv2d(pixels, torch.ones(1, 1, 5, 5)).flatten(1)  # one column for each pixel
    return tuple(columns.T.shape)


@row(
    chapter=1,
    claim="Each row of that matrix holds the 25 weights of the filter and is zero elsewhere.",
    source="chapter 1",
    convention="entries that are not zero, over the whole matrix",
    claimed=28 * 28 * 25,
    verdict="holds",
)
def filter_matrix_entries() -> Value:
    pixels = torch.eye(32 * 32).reshape(-1, 1, 32, 32)
    return int(F.conv2d(pixels, torch.ones(1, 1, 5, 5)).count_nonzero())


@row(
    chapter=1,
    claim="A hundred 10×10 filters on a 1000×1000 image have 10 k weights.",
    source="L2",
    convention="one channel; biases, a hundred more, left out",
    claimed=10_000,
    verdict="holds",
)
def hundred_filters() -> Value:
    return nn.Conv2d(1, 100, 10).weight.numel()


@row(
    chapter=1,
    claim="They fill a map of 1000×1000×100 numbers.",
    source="L2",
    convention='C, H, W; "same" padding, without which a side has 991',
    claimed=(100, 1000, 1000),
    between="×",
    verdict="holds",
)
def hundred_maps() -> Value:
    with torch.device("meta"):
        padded = F.pad(torch.empty(1, 1000, 1000), (4, 5, 4, 5))  # 4 + 5 zeros along each axis: k - 1 of them
        return tuple(nn.Conv2d(1, 100, 10)(padded).shape)


@row(
    chapter=1,
    claim="Without padding the same filters leave 991×991 places.",
    source="chapter 1",
    convention="a side",
    claimed=991,
    verdict="holds",
)
def hundred_maps_unpadded() -> Value:
    return convolution_output_size(1000, kernel=10)


@row(
    chapter=1,
    claim="Shifting the input of a convolution shifts its output, and changes nothing else.",
    source="chapter 1",
    convention="largest difference away from the border, float64, a 5×5 filter and a shift by (3, 2)",
    claimed=0.0,
    verdict="holds",
)
def shift_equivariance() -> Value:
    torch.manual_seed(0)
    image, weight = torch.randn(1, 1, 32, 32).double(), torch.randn(1, 1, 5, 5).double()
    shifted = image.roll((3, 2), dims=(2, 3))
    first, second = F.conv2d(image, weight)[..., :-3, :-2], F.conv2d(shifted, weight)[..., 3:, 2:]
    return float((first - second).abs().max())


@row(
    chapter=1,
    claim="A 2×2 pooling at stride 2 keeps a quarter of the numbers.",
    source="chapter 1",
    convention="even sides",
    claimed=0.25,
    verdict="holds",
)
def pooling_keeps() -> Value:
    return math.prod(output_shape([Pool(2)], (64, 224, 224))) / (64 * 224 * 224)


@row(
    chapter=1,
    claim="One pass over a larger image gives the numbers of every window.",
    source="chapter 1",
    convention="largest difference, float64; no padding, windows at multiples of the total stride 4",
    claimed=0.0,
    verdict="holds",
)
def one_pass() -> Value:
    differences = _pass_against_windows(nn.Conv2d(1, 4, 5), nn.MaxPool2d(4), nn.Conv2d(4, 3, 7))
    return float(differences.max().round(decimals=9))


@row(
    chapter=1,
    claim="If the first layer pads, one pass gives other numbers than the windows.",
    source="chapter 1",
    convention="share of numbers that differ, windows of 32×32, a head that covers a whole window",
    claimed=1.0,
    verdict="holds",
)
def one_pass_with_padding() -> Value:
    differences = _pass_against_windows(nn.Conv2d(1, 4, 5, padding=2), nn.MaxPool2d(4), nn.Conv2d(4, 3, 8))
    return float((differences > 1e-6).double().mean())


def _pass_against_windows(*layers: nn.Module) -> torch.Tensor:
    """How much the outputs of one pass and those of all windows of 32×32 differ: (3, 9, 9)."""
    torch.manual_seed(0)
    network, image = nn.Sequential(*layers).double().requires_grad_(False), torch.randn(1, 1, 64, 64).double()
    for weights in network.parameters():
        nn.init.normal_(weights)
    windows = torch.cat([image[..., r : r + 32, c : c + 32] for r in range(0, 33, 4) for c in range(0, 33, 4)])
    return (network(windows).view(9, 9, 3).permute(2, 0, 1) - network(image)[0]).abs()


# 2 · Backpropagation is convolution -----------------------------------------------------------------------------------


@row(
    chapter=2,
    claim="The gradient of one weight sums over i, j = 1…p, the places of the input.",
    source="L3",
    convention="how many terms; p = 32, k = 5",
    claimed=32 * 32,
    verdict="differs",
    why="The sum runs over the places of the output, p − k + 1 a side: the weight meets the input once for each.",
)
def weight_gradient_terms() -> Value:
    weight = torch.zeros(1, 1, 5, 5, requires_grad=True)
    F.conv2d(torch.ones(1, 1, 32, 32), weight).sum().backward()  # every term of the sum is 1
    return int(weight.grad[0, 0, 0, 0])


@row(
    chapter=2,
    claim="The gradient of the weights is the correlation of the input with the output's gradient.",
    source="L3",
    convention="largest difference from autograd, float64",
    claimed=0.0,
    verdict="holds",
)
def weight_gradient_is_correlation() -> Value:
    torch.manual_seed(0)
    x, w = torch.randn(1, 1, 9, 8).double(), torch.randn(1, 1, 3, 2).double().requires_grad_()
    y = F.conv2d(x, w)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    return float((w.grad - F.conv2d(x, upstream)).abs().max())


@row(
    chapter=2,
    claim="The gradient of the input is the full convolution of the output's gradient with the flipped filter.",
    source="L3",
    convention="largest difference from autograd, float64",
    claimed=0.0,
    verdict="holds",
)
def input_gradient_is_convolution() -> Value:
    torch.manual_seed(0)
    x, w = torch.randn(1, 1, 9, 8).double().requires_grad_(), torch.randn(1, 1, 3, 2).double()
    y = F.conv2d(x, w)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    return float((x.grad - F.conv2d(upstream, w.flip(2, 3), padding=(2, 1))).abs().max())


@row(
    chapter=2,
    claim="The gradient of a bias sums the output's gradient over images and places.",
    source="chapter 2",
    convention="terms for a 4-image batch with 28×28 outputs",
    claimed=4 * 28 * 28,
    verdict="holds",
)
def bias_gradient_terms() -> Value:
    layer = nn.Conv2d(3, 6, 5)
    layer(torch.zeros(4, 3, 32, 32)).sum().backward()
    return int(layer.bias.grad[0])


@row(
    chapter=2,
    claim="Max pooling sends each window's gradient to one place.",
    source="chapter 2",
    convention="share of inputs with a gradient, 2×2 at stride 2",
    claimed=0.25,
    verdict="holds",
)
def pooling_routes() -> Value:
    torch.manual_seed(0)
    x = torch.randn(1, 8, 32, 32, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    return float((x.grad != 0).float().mean())


# 3 · Receptive fields -------------------------------------------------------------------------------------------------


@row(
    chapter=3,
    claim="Three 3×3 layers see 7×7.",
    source="L2, L4",
    references=("simonyan2015very",),
    convention="a side in pixels",
    claimed=7,
    verdict="holds",
)
def three_small_kernels() -> Value:
    return receptive_field([Conv(3, channels=1)] * 3).size[0]


@row(
    chapter=3,
    claim="They hold 3·3²C² weights, one 7×7 layer 7²C².",
    source="L2, L4",
    references=("simonyan2015very",),
    convention="in units of C²; C channels in and out, no bias; computed for C = 64",
    claimed=(27, 49),
    verdict="holds",
)
def three_small_kernels_weights() -> Value:
    small, large = [Conv(3, channels=64, bias=False)] * 3, [Conv(7, channels=64, bias=False)]
    return tuple(parameters(stack, 64) // 64**2 for stack in (small, large))


@row(
    chapter=3,
    claim="A 3×3 layer, a subsampling by 2 and another 3×3 layer see 7×7.",
    source="L0",
    convention="subsampling drops every second unit; a 2×2 pooling would make it 8",
    claimed=7,
    verdict="holds",
)
def subsampled_field() -> Value:
    return receptive_field([Conv(3, channels=1), Layer(1, stride=2), Conv(3, channels=1)]).size[0]


@row(
    chapter=3,
    claim="A 3×3 layer, a 2×2 pooling and another 3×3 layer see 8×8.",
    source="chapter 3",
    convention="a side in pixels",
    claimed=8,
    verdict="holds",
)
def pooled_field() -> Value:
    return receptive_field([Conv(3, channels=1), Pool(2), Conv(3, channels=1)]).size[0]


def _field(key: str, title: str, size: int, name: str, source: str = "", reference: str = "", **options: str) -> None:
    def compute() -> Value:
        return zoo.MODELS[name].trace(**options).receptive_field.size[0]

    compute.__name__ = key
    row(
        chapter=3,
        claim=f"{title} has a receptive field of {size} pixels.",
        source=source,
        references=(reference,) if reference else (),
        convention="a side in pixels, at the last feature map",
        claimed=size,
        verdict="holds",
    )(compute)


_ARAUJO = {"reference": "araujo2019computing"}
_field("alexnet_field", "AlexNet, to pool5,", 195, "alexnet_paper", **_ARAUJO)
_field("vgg16_field", "VGG-16, to pool5,", 212, "vgg16", **_ARAUJO)
_field("mobilenet_v1_field", "MobileNet v1", 315, "mobilenet_v1", **_ARAUJO)
for _depth, _size in ((50, 483), (101, 1027), (152, 1507)):
    _field(f"resnet{_depth}_v1_field", f"ResNet-{_depth} v1", _size, f"resnet{_depth}", stride_on="1x1", **_ARAUJO)
for _depth, _size in ((50, 427), (101, 971), (152, 1451)):
    _title = f"ResNet-{_depth} with the stride on the 3×3 (v1.5)"
    _field(f"resnet{_depth}_field", _title, _size, f"resnet{_depth}", source="chapter 3", stride_on="3x3")


@row(
    chapter=3,
    claim="The spread of an untrained linear network's effective field is σ = √(2n/3) after n 3×3 layers.",
    source="chapter 3",
    references=("luo2016understanding",),
    convention="in pixels, for n = 40; the expected squared gradient, by convolving windows",
    claimed=math.sqrt(2 * 40 / 3),
    verdict="holds",
    form="{:.3f}",
)
def effective_field_spread() -> Value:
    spread = torch.ones(1, 1, 1).double()
    for _ in range(40):
        spread = F.conv1d(spread, torch.ones(1, 1, 3).double() / 3, padding=2)
    at = torch.arange(-40, 41)
    return float((spread.flatten() * at**2).sum().sqrt())


@row(
    chapter=3,
    claim="Skip connections halve a step's variance, so that σ = √(n/3).",
    source="chapter 3",
    references=("luo2016understanding",),
    convention="in pixels, for n = 40 blocks (x + f(x))/√2",
    claimed=math.sqrt(40 / 3),
    verdict="holds",
    form="{:.3f}",
)
def effective_field_spread_with_skips() -> Value:
    spread = torch.ones(1, 1, 1).double()
    step = torch.tensor([[[1.0, 4.0, 1.0]]]).double() / 6
    for _ in range(40):
        spread = F.conv1d(spread, step, padding=2)
    at = torch.arange(-40, 41)
    return float((spread.flatten() * at**2).sum().sqrt())


@row(
    chapter=3,
    claim="Three layers with dilation 2 read a part of their field only.",
    source="chapter 3",
    references=("yu2016multiscale",),
    convention="pixels read, of 13×13 in the field",
    claimed=(49, 169),
    verdict="holds",
)
def gridded_field() -> Value:
    network = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=2, bias=False) for _ in range(3)])
    for weight in network.parameters():
        nn.init.ones_(weight)
    x = torch.zeros(1, 1, 13, 13, requires_grad=True)
    network(x).sum().backward()
    return int(x.grad.count_nonzero()), x.numel()
