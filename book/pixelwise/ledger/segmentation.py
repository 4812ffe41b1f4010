"""Claims of the later parts that can be computed or cited now: segmentation, objects, and the course's own rules."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from pixelwise import losses, metrics, zoo
from pixelwise.arithmetic import Conv, receptive_field, receptive_fields, seen_units, transposed_output_size
from pixelwise.ledger.rows import Value, cited, row

# 10 · The task --------------------------------------------------------------------------------------------------------

cited(
    "voc-images",
    1464,
    chapter=10,
    claim="PASCAL VOC 2012 has about 1500 images for segmentation.",
    source="L0",
    references=("everingham2015pascal",),
    convention="images to train on; 1449 more to validate",
    claimed=1500,
    rounding=100,
    verdict="cited",
)
cited(
    "voc-classes",
    20,
    chapter=10,
    claim="It has 20 classes.",
    source="L0",
    references=("everingham2015pascal",),
    convention="classes of things; 21 with the background, which has to be predicted too",
    claimed=20,
    verdict="cited",
)
cited(
    "coco-categories",
    80,
    chapter=10,
    claim="COCO has 20 categories.",
    source="L0",
    references=("lin2014microsoft",),
    convention="categories of things with masks, in the released data",
    claimed=20,
    verdict="differs",
    why="80; the paper lists 91, of which the release uses 80. 20 is PASCAL VOC.",
)
cited(
    "coco-instances",
    2_500_000,
    chapter=10,
    claim="COCO has 2.5 million outlined instances.",
    source="",
    references=("lin2014microsoft",),
    convention="in 328,000 images",
    claimed=2_500_000,
    rounding=100_000,
    verdict="cited",
)
cited(
    "coco-hours",
    22,
    chapter=10,
    claim="Outlining 1000 instances of COCO took over 22 hours of work.",
    source="",
    references=("lin2014microsoft",),
    convention="hours; one worker an instance, without the steps that find and check the instances",
    claimed=22,
    verdict="cited",
)
cited(
    "camvid-split",
    (367, 101, 233),
    chapter=10,
    claim="CamVid has 367 frames to train, 101 to validate and 233 to test.",
    source="",
    references=("badrinarayanan2017segnet", "brostow2009semantic"),
    convention="frames of 480×360 pixels with 11 classes, as SegNet's authors give them out; 701 in all",
    claimed=(367, 101, 233),
    verdict="cited",
)
cited(
    "cityscapes-fine-images",
    5000,
    chapter=10,
    claim="Cityscapes has 5000 images with fine annotation.",
    source="",
    references=("cordts2016cityscapes",),
    convention="2975 to train, 500 to validate, 1525 to test; 20,000 more are annotated coarsely",
    claimed=5000,
    verdict="cited",
)
cited(
    "cityscapes-fine-minutes",
    90,
    chapter=10,
    claim="Fine annotation of an image of Cityscapes took more than 1.5 hours.",
    source="",
    references=("cordts2016cityscapes",),
    convention="minutes, on average, with quality control; a lower bound",
    claimed=90,
    verdict="cited",
)
cited(
    "cityscapes-coarse-minutes",
    7,
    chapter=10,
    claim="Coarse annotation of an image of Cityscapes took less than 7 minutes.",
    source="",
    references=("cordts2016cityscapes",),
    convention="minutes; an upper bound",
    claimed=7,
    verdict="cited",
)
cited(
    "cityscapes-agreement",
    0.96,
    chapter=10,
    claim="Two annotators give 96 % of the pixels of Cityscapes the same label.",
    source="",
    references=("cordts2016cityscapes",),
    convention="30 images, annotated twice by different people",
    claimed=0.96,
    verdict="cited",
    form="{:.0%}",
)
cited(
    "cityscapes-agreement-without-void",
    0.98,
    chapter=10,
    claim="Where neither says void, they agree on 98 %.",
    source="",
    references=("cordts2016cityscapes",),
    convention="the same 30 images",
    claimed=0.98,
    verdict="cited",
    form="{:.0%}",
)
cited(
    "cityscapes-static",
    0.101,
    chapter=10,
    claim="The most frequent label at each position reaches a mean IoU of 10.1 % on Cityscapes.",
    source="",
    references=("cordts2016cityscapes",),
    convention="19 classes; frequencies of the fine training labels",
    claimed=0.101,
    verdict="cited",
    form="{:.1%}",
)
cited(
    "cityscapes-subsampled",
    (0.952, 0.907, 0.846, 0.754),
    chapter=10,
    claim="Labels of Cityscapes, reduced by 4, 8, 16 and 32, reach mean IoUs of 95.2, 90.7, 84.6 and 75.4 %.",
    source="",
    references=("cordts2016cityscapes",),
    convention="the most frequent label of each cell, 19 classes",
    claimed=(0.952, 0.907, 0.846, 0.754),
    verdict="cited",
    form="{:.1%}",
)
cited(
    "ade-agreement",
    0.824,
    chapter=10,
    claim="The annotator of ADE20K gives 82.4 % of the pixels the same label again.",
    source="",
    references=("zhou2019semantic",),
    convention="61 images, six months later, open list of names",
    claimed=0.824,
    verdict="cited",
    form="{:.1%}",
)
cited(
    "ade-classes",
    150,
    chapter=10,
    claim="The ADE20K benchmark has 150 classes.",
    source="",
    references=("zhou2019semantic",),
    convention="those with the most pixels; the rest is not scored",
    claimed=150,
    verdict="cited",
)
cited(
    "ade-stuff-classes",
    35,
    chapter=10,
    claim="35 of them are stuff.",
    source="",
    references=("zhou2019semantic",),
    claimed=35,
    verdict="cited",
)
cited(
    "ade-stuff-share",
    0.6092,
    chapter=10,
    claim="Stuff covers 60.92 % of all pixels of ADE20K.",
    source="",
    references=("zhou2019semantic",),
    convention="the 35 classes; the 115 of things cover 31.83 %",
    claimed=0.6092,
    verdict="cited",
    form="{:.0%}",
)
cited(
    "voc-mask-seconds",
    239.7,
    chapter=10,
    claim="Full masks of an image of VOC 2012 take 239.7 seconds.",
    source="",
    references=("bearman2016point",),
    convention="the authors' estimate, for an average image",
    claimed=239.7,
    verdict="cited",
)
cited(
    "voc-point-seconds",
    22.1,
    chapter=10,
    claim="One click on an object of each class takes 22.1 seconds an image.",
    source="",
    references=("bearman2016point",),
    convention="VOC 2012; most of it goes into saying which classes the image shows",
    claimed=22.1,
    verdict="cited",
)


@row(
    chapter=10,
    claim="Pixel accuracy misleads under imbalance: who always says background can be 99 % right.",
    source="L0, L4",
    convention="an object of 10×10 pixels on 100×100; pixel accuracy",
    claimed=0.99,
    verdict="holds",
    form="{:.1%}",
)
def all_background() -> Value:
    truth = torch.zeros(100, 100, dtype=torch.bool)
    truth[40:50, 40:50] = True
    said = torch.zeros_like(truth)
    return float((said == truth).double().mean())


@row(
    chapter=10,
    claim="The mean IoU of the same answer is 49.5 %.",
    source="chapter 10",
    convention="mean over the two classes, background and object",
    claimed=0.495,
    verdict="holds",
    form="{:.1%}",
)
def all_background_iou() -> Value:
    truth = torch.zeros(100, 100, dtype=torch.bool)
    truth[40:50, 40:50] = True
    said = torch.zeros_like(truth)
    both = torch.stack([((said == c) & (truth == c)).sum() for c in (False, True)]).double()
    either = torch.stack([((said == c) | (truth == c)).sum() for c in (False, True)])
    return float((both / either).mean())


# 11 · Before convnets -------------------------------------------------------------------------------------------------


def _graph(n: int = 8) -> torch.Tensor:
    """A random symmetric matrix of edge weights without loops."""
    torch.manual_seed(0)
    weights = torch.rand(n, n).double().triu(1)
    return weights + weights.T


def _ncut(weights: torch.Tensor, side: torch.Tensor) -> float:
    degree = weights.sum(dim=1)
    cut = weights[side][:, ~side].sum()
    return float(cut / degree[side].sum() + cut / degree[~side].sum())


def _bipartitions(n: int) -> list[torch.Tensor]:
    return [torch.tensor((True, *rest)) for rest in itertools.product((True, False), repeat=n - 1) if not all(rest)]


@row(
    chapter=11,
    claim="Ncut(A, B) = cut(A, B)·(1/vol A + 1/vol B).",
    source="L3",
    references=("shi2000normalized",),
    convention="largest difference from Shi and Malik's definition by associations, over all splits of 8 nodes",
    claimed=0.0,
    verdict="holds",
)
def ncut_identity() -> Value:
    weights = _graph()
    worst = 0.0
    for side in _bipartitions(8):
        cut = weights[side][:, ~side].sum()
        to_all = cut / weights[side].sum() + cut / weights[~side].sum()
        worst = max(worst, abs(float(to_all) - _ncut(weights, side)))
    return worst


@row(
    chapter=11,
    claim="The second smallest eigenvalue of the normalised Laplacian is a lower bound of the smallest Ncut.",
    source="L3",
    references=("shi2000normalized",),
    convention="smallest Ncut over eigenvalue, by trying all splits of a random graph of 8 nodes",
    claimed=1.0,
    at_least=True,
    verdict="holds",
    form="{:.3f}",
)
def ncut_relaxation() -> Value:
    weights = _graph()
    scale = weights.sum(dim=1).rsqrt()
    laplacian = torch.eye(8).double() - scale[:, None] * weights * scale
    bound = torch.linalg.eigvalsh(laplacian)[1]
    return min(_ncut(weights, side) for side in _bipartitions(8)) / float(bound)


# 12 · Fully convolutional; 14 · Skips ---------------------------------------------------------------------------------


@row(
    chapter=12,
    claim="The maps of a fully convolutional VGG-16 have H/4, H/8, H/16 and H/32 rows.",
    source="L1, L3",
    references=("long2015fully",),
    convention="jump of the units after pool2 to pool5",
    claimed=(4, 8, 16, 32),
    verdict="holds",
)
def fcn_strides() -> Value:
    made = zoo.MODELS["vgg16"].trace()
    return tuple(made.row(f"pool{stage}").receptive_field.jump[0] for stage in (2, 3, 4, 5))


@row(
    chapter=12,
    claim="As convolutions, fully connected layers turn 4096 numbers into maps of 4096×1×1.",
    source="L1, L3",
    references=("long2015fully",),
    convention="C, H, W of fc6 as a 7×7 convolution on a 7×7 map",
    claimed=(4096, 1, 1),
    between="×",
    verdict="holds",
)
def fcn_fc6() -> Value:
    return Conv(7, channels=4096).output_shape((512, 7, 7))


@row(
    chapter=12,
    claim="Such a convolution has as many parameters as the layer that it replaces.",
    source="chapter 12",
    convention="fc6 of VGG-16, weights and biases",
    claimed=102_764_544,
    verdict="holds",
)
def fcn_fc6_parameters() -> Value:
    with torch.device("meta"):
        return sum(weights.numel() for weights in nn.Conv2d(512, 4096, 7).parameters())


@row(
    chapter=12,
    claim="FCN-8s is 30 % better than SDS, relatively.",
    source="L1",
    references=("long2015fully", "shelhamer2017fully"),
    convention="mean IoU on the VOC 2012 test set: 62.2 against 51.6 at CVPR 2015",
    claimed=0.30,
    rounding=0.01,
    verdict="differs",
    form="{:.1%}",
    why="20 % in the paper of 2015; the journal's version of 2017 reaches 67.2, and with it 30 %.",
)
def fcn_against_sds() -> Value:
    return 62.2 / 51.6 - 1


@row(
    chapter=12,
    claim="The journal's version of the FCN is 30 % better than SDS.",
    source="",
    references=("shelhamer2017fully",),
    convention="mean IoU on the VOC 2012 test set: 67.2 against 51.6",
    claimed=0.30,
    rounding=0.01,
    verdict="holds to rounding",
    form="{:.0%}",
)
def fcn_journal_against_sds() -> Value:
    return 67.2 / 51.6 - 1


@row(
    chapter=12,
    claim="FCN-8s is 286 times faster than SDS.",
    source="L1",
    references=("long2015fully",),
    convention="from the paper's about 50 s and about 175 ms an image; SDS with its proposals",
    claimed=286,
    rounding=1,
    verdict="holds to rounding",
    form="{:.0f}",
)
def fcn_speed() -> Value:
    return 50 / 0.175


cited(
    "fcn-inference",
    100,
    chapter=12,
    claim="FCN-8s takes about 100 ms for a 500×500 image.",
    source="L1",
    references=("shelhamer2017fully",),
    convention="milliseconds, a typical image, on the authors' GPU",
    claimed=100,
    verdict="cited",
    why="One tenth of a second in the journal's abstract; the paper of 2015 says less than a fifth, and 175 ms.",
)


@row(
    chapter=12,
    claim="A unit of the score map of a fully convolutional VGG-16 sees 404 pixels.",
    source="chapter 12",
    references=("long2015fully",),
    convention="side of the receptive field of fc7; 192 more than pool5, by the 7×7 of fc6 at stride 32",
    claimed=404,
    verdict="holds",
)
def fcn_field() -> Value:
    return zoo.MODELS["fcn32s"].trace().row("head.fc7").receptive_field.size[0]


cited(
    "fcn-skips",
    (59.4, 62.4, 62.7),
    chapter=14,
    claim="FCN-32s, 16s and 8s reach 59.4, 62.4 and 62.7 mean IoU.",
    source="",
    references=("long2015fully",),
    convention="per cent, on a subset of the VOC 2011 validation set",
    claimed=(59.4, 62.4, 62.7),
    verdict="cited",
    form="{:g} %",
)


cited(
    "fcn-skips-code",
    (63.6, 65.0, 65.5),
    chapter=14,
    claim="In the authors' released code FCN-32s, 16s and 8s reach 63.6, 65.0 and 65.5 mean IoU.",
    source="",
    references=("shelhamer2016code",),
    convention="per cent, on the same images; each trained from the coarser one, on single images with high momentum",
    claimed=(63.6, 65.0, 65.5),
    verdict="cited",
    form="{:.1f} %",
)


@row(
    chapter=14,
    claim="FCN-32s on VGG-16 has 134,346,581 parameters.",
    source="chapter 14",
    references=("long2015fully",),
    convention="21 classes; the upsampling is fixed and counts nothing",
    claimed=134_346_581,
    verdict="holds",
)
def fcn32s_parameters() -> Value:
    return zoo.MODELS["fcn32s"].trace().parameters


# 13 · Upsampling ------------------------------------------------------------------------------------------------------

EXAMPLE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]


def _rows(x: torch.Tensor) -> Value:
    return tuple(tuple(int(value) for value in line) for line in x[0, 0])


@row(
    chapter=13,
    claim="Nearest copies each of [[1, 2], [3, 4]] into a block of 2×2.",
    source="L4",
    claimed=((1, 1, 2, 2), (1, 1, 2, 2), (3, 3, 4, 4), (3, 3, 4, 4)),
    verdict="holds",
)
def nearest_example() -> Value:
    return _rows(F.interpolate(EXAMPLE, scale_factor=2, mode="nearest"))


@row(
    chapter=13,
    claim="Bed of nails puts each of them into the corner of its block.",
    source="L4",
    convention="as a transposed convolution with the kernel 1, 0; 0, 0",
    claimed=((1, 0, 2, 0), (0, 0, 0, 0), (3, 0, 4, 0), (0, 0, 0, 0)),
    verdict="holds",
)
def nails_example() -> Value:
    nail = torch.tensor([[1.0, 0.0], [0.0, 0.0]])[None, None]
    return _rows(F.conv_transpose2d(EXAMPLE, nail, stride=2))


@row(
    chapter=13,
    claim="A 1-D transposed convolution with k = 3, s = 2, p = 0 makes 6 outputs of 2 inputs.",
    source="L4",
    references=("dumoulin2016guide",),
    convention="output_padding 0",
    claimed=6,
    verdict="differs",
    why="(n − 1)s − 2p + k is 5. The sixth needs output_padding 1, and no input reaches it.",
)
def transposed_length() -> Value:
    return F.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 3), stride=2).shape[2]


@row(
    chapter=13,
    claim="With output_padding 1 it makes 6.",
    source="chapter 13",
    references=("dumoulin2016guide",),
    claimed=6,
    verdict="holds",
)
def transposed_length_with_output_padding() -> Value:
    return transposed_output_size(2, kernel=3, stride=2, output_padding=1)


@row(
    chapter=13,
    claim="A 1-D convolution with k = 3, s = 2, p = 1 is a 2×6 matrix.",
    source="L4",
    convention="rows, columns; on 4 inputs, whose padding with a zero on each side has columns of its own",
    claimed=(2, 6),
    between="×",
    verdict="holds",
)
def convolution_matrix_shape() -> Value:
    padded = torch.eye(4 + 2)[:, None]  # one signal for each column
    columns = F.conv1d(padded, torch.ones(1, 1, 3), stride=2)[:, 0]
    return tuple(columns.T.shape)


# 15 · Encoder–decoders ------------------------------------------------------------------------------------------------


@row(
    chapter=15,
    claim="U-Net from 1 channel to 2 classes has 31,030,658 parameters.",
    source="chapter 15",
    references=("ronneberger2015unet",),
    convention="widths 64 to 1024, biases, 2×2 transposed convolutions, no batch normalisation",
    claimed=31_030_658,
    verdict="holds",
)
def unet_parameters() -> Value:
    with torch.device("meta"):
        network = zoo.build("unet", in_channels=1, padding="valid")
    return sum(weights.numel() for weights in network.parameters())


@row(
    chapter=15,
    claim="U-Net labels 388×388 pixels of an image of 572×572.",
    source="chapter 15",
    references=("ronneberger2015unet",),
    convention="convolutions without padding; rows, columns",
    claimed=(388, 388),
    between="×",
    verdict="holds",
)
def unet_output() -> Value:
    return zoo.MODELS["unet"].trace(padding="valid").rows[-1].output_shape[1:]


@row(
    chapter=15,
    claim="U-Net has 23 convolutional layers.",
    source="",
    references=("ronneberger2015unet",),
    convention="3×3, 2×2 transposed and 1×1",
    claimed=23,
    verdict="holds",
)
def unet_convolutions() -> Value:
    return sum("Conv" in row.kind for row in zoo.MODELS["unet"].trace().rows)


@row(
    chapter=15,
    claim="DeconvNet has 252 million parameters.",
    source="chapter 15",
    references=("noh2015learning",),
    convention="21 classes; biases, and scale and shift of batch normalisation",
    claimed=252e6,
    rounding=1e6,
    verdict="holds to rounding",
)
def deconvnet_parameters() -> Value:
    return zoo.MODELS["deconvnet"].trace().parameters


@row(
    chapter=15,
    claim="SegNet's encoder has 14.7 million parameters.",
    source="chapter 15",
    references=("badrinarayanan2017segnet",),
    convention="VGG-16 without its fully connected layers; biases, and scale and shift of batch normalisation",
    claimed=14.7e6,
    rounding=1e5,
    verdict="holds to rounding",
)
def segnet_encoder() -> Value:
    return sum(row.parameters for row in zoo.MODELS["segnet"].trace().rows if row.name.startswith("encoder"))


cited(
    "camvid-segnet",
    60.1,
    chapter=15,
    claim="SegNet reaches a mean IoU of 60.1 on CamVid.",
    source="",
    references=("badrinarayanan2017segnet",),
    convention="per cent, 11 classes, test set; trained on about 3500 images, most of them from other data sets",
    claimed=60.1,
    verdict="cited",
    form="{:g} %",
)
cited(
    "camvid-context",
    (46.4, 61.6, 65.3),
    chapter=15,
    claim="On CamVid, a first version of SegNet reaches 46.4, DeepLab-LargeFOV 61.6 and Dilation8 65.3 mean IoU.",
    source="",
    references=("yu2016multiscale",),
    convention="per cent, 11 classes, test set",
    claimed=(46.4, 61.6, 65.3),
    verdict="cited",
    form="{:g} %",
)
cited(
    "camvid-tiramisu",
    (57.0, 66.9),
    chapter=15,
    claim="On CamVid, FCN-8s reaches 57.0 and FC-DenseNet103 66.9 mean IoU.",
    source="",
    references=("jegou2017tiramisu",),
    convention="per cent, 11 classes, test set; FC-DenseNet103 from random weights",
    claimed=(57.0, 66.9),
    verdict="cited",
    form="{:g} %",
)

# 16 · Dilation and context -------------------------------------------------------------------------------------------


@row(
    chapter=16,
    claim="The context module's fields are 3, 5, 9, 17, 33, 65 and 67 pixels wide.",
    source="",
    references=("yu2016multiscale",),
    convention="3×3 layers of dilation 1, 1, 2, 4, 8, 16 and 1, in units of the map that they read",
    claimed=(3, 5, 9, 17, 33, 65, 67),
    verdict="holds",
)
def yu_context_fields() -> Value:
    layers = [Conv(3, dilation=d, channels=1) for d in (1, 1, 2, 4, 8, 16, 1)]
    return tuple(field.size[0] for field in receptive_fields(layers))[1:]


@row(
    chapter=16,
    claim="Three 3×3 layers of dilation 2 leave 120 of the 169 pixels of their field unseen.",
    source="chapter 16",
    convention="of the unit in the middle; stride 1",
    claimed=(120, 169),
    verdict="holds",
    between=" of ",
)
def gridding_unseen() -> Value:
    layers = [Conv(3, padding=2, dilation=2, channels=1)] * 3
    side, seen = receptive_field(layers).size[0], len(seen_units(layers, 20, 41)[0])
    return side**2 - seen**2, side**2


@row(
    chapter=16,
    claim="DeepLab-LargeFOV has 20.5 million parameters.",
    source="",
    references=("chen2015semantic",),
    convention="VGG-16, fc6 a 3×3 layer to 1024 channels, 21 classes; with biases",
    claimed=20.5e6,
    rounding=1e5,
    verdict="holds to rounding",
)
def deeplab_largefov_parameters() -> Value:
    return zoo.MODELS["deeplab_v1"].trace().parameters


cited(
    "deeplab-v1-crf",
    (62.25, 67.64),
    chapter=16,
    claim="On VOC 2012, DeepLab-LargeFOV reaches a mean IoU of 62.25 without and of 67.64 with the dense CRF.",
    source="",
    references=("chen2015semantic",),
    convention="per cent, 21 classes, validation set",
    claimed=(62.25, 67.64),
    verdict="cited",
    form="{:g} %",
)

# 17 · Metrics and losses ----------------------------------------------------------------------------------------------


@row(
    chapter=17,
    claim="Soft IoU is IoU when the masks are hard.",
    source="L4",
    convention="largest difference over 1000 pairs of random masks",
    claimed=0.0,
    verdict="holds",
)
def soft_iou() -> Value:
    torch.manual_seed(0)
    a, b = torch.rand(2, 1000, 16 * 16).double().round()
    soft = (a * b).sum(1) / (a + b - a * b).sum(1)
    hard = (a.bool() & b.bool()).sum(1) / (a.bool() | b.bool()).sum(1).double()
    return float((soft - hard).abs().max())


@row(
    chapter=17,
    claim="Dice's coefficient is 2J/(1 + J) for an IoU of J.",
    source="chapter 17",
    convention="largest difference over 1000 pairs of random masks",
    claimed=0.0,
    verdict="holds",
)
def dice_of_iou() -> Value:
    torch.manual_seed(0)
    a, b = torch.rand(2, 1000, 16 * 16) < 0.5
    shared, sizes = (a & b).sum(1).double(), a.sum(1) + b.sum(1)
    iou = shared / (a | b).sum(1)
    return float((2 * shared / sizes - 2 * iou / (1 + iou)).abs().max())


@row(
    chapter=17,
    claim="The Lovász loss is 1 − IoU when the masks are hard.",
    source="chapter 17",
    convention="largest difference from the mean over two classes, over all 64 predictions of 6 pixels",
    claimed=0.0,
    verdict="holds",
)
def lovasz_at_vertices() -> Value:
    truth = torch.tensor([1, 1, 0, 0, 0, 0])
    worst = 0.0
    for said in itertools.product((0, 1), repeat=6):
        prediction = torch.tensor(said)
        logits = 1e4 * F.one_hot(prediction, 2).T.double()[None, :, None]
        expected = 1 - metrics.mean_iou(metrics.confusion(prediction, truth, 2))
        worst = max(worst, abs(float(losses.lovasz(logits, truth[None, None]) - expected)))
    return worst


@row(
    chapter=17,
    claim="Who labels everything with the class of 3/4 of the pixels has a mean IoU of 3.6 % among 21 classes.",
    source="chapter 17",
    convention="all classes occur; over the data set",
    claimed=0.036,
    rounding=0.001,
    verdict="holds to rounding",
    form="{:.2%}",
)
def constant_label_iou() -> Value:
    truth = torch.cat([torch.zeros(60, dtype=torch.long), torch.arange(1, 21)])
    return float(metrics.mean_iou(metrics.confusion(torch.zeros_like(truth), truth, 21)))


@row(
    chapter=17,
    claim="A class with a share π of the pixels, assigned at random with probability q, has an IoU of πq/(π + q − πq).",
    source="chapter 17",
    convention="π = 1/100 and q = 1/9, on a grid where truth and prediction are exactly independent",
    claimed=1 / 108,
    verdict="holds",
    form="{:.5f}",
)
def random_label_iou() -> Value:
    truth = (torch.arange(100) == 0).long().expand(9, 100)
    prediction = (torch.arange(9) == 0).long()[:, None].expand(9, 100)
    return float(metrics.iou(metrics.confusion(prediction, truth, 2))[1])


@row(
    chapter=17,
    claim="A square of 100×100 pixels that is shifted by one keeps an IoU of 0.98; its boundary IoU is 0.60.",
    source="chapter 17",
    convention="of the square; boundary IoU with d = 2",
    claimed=(0.98, 0.60),
    rounding=0.005,
    verdict="holds to rounding",
    form="{:.3f}",
)
def shifted_square() -> Value:
    truth = torch.zeros(120, 120, dtype=torch.long)
    truth[10:110, 10:110] = 1
    shifted = truth.roll(1, dims=1)
    iou = metrics.iou(metrics.confusion(shifted, truth, 2))
    boundary = metrics.boundary_iou(metrics.boundary_confusion(shifted, truth, 2, width=2))
    return float(iou[1]), float(boundary[1])


# 18 · Other dense predictions -----------------------------------------------------------------------------------------

cited(
    "salicon-images",
    10_000,
    chapter=18,
    claim="SALICON has 330 k images.",
    source="L3",
    references=("jiang2015salicon",),
    convention="images with recorded attention",
    claimed=330_000,
    verdict="differs",
    why="330 k is all of COCO, from which SALICON takes its images. The data that were released after the paper hold "
    "10 k to train, 5 k to validate and 5 k to test.",
)
cited(
    "judd-benchmark",
    (300, 39),
    chapter=18,
    claim="A benchmark of saliency has 300 images, with the fixations of 39 observers.",
    source="",
    references=("judd2012benchmark",),
    convention="images and observers; the fixations are held out",
    claimed=(300, 39),
    verdict="cited",
)


@row(
    chapter=18,
    claim="The shallow saliency network has 34,864,384 parameters, the deep one 25,806,209.",
    source="chapter 18",
    references=("pan2016shallow",),
    convention="with biases; sizes as in the program and the definition that the authors published",
    claimed=(34_864_384, 25_806_209),
    verdict="holds",
)
def saliency_parameters() -> Value:
    return tuple(zoo.MODELS[f"saliency_{kind}"].trace().parameters for kind in ("shallow", "deep"))


@row(
    chapter=18,
    claim="The variance of d is half of the mean of (d_i − d_j)² over all pairs of pixels.",
    source="chapter 18",
    references=("eigen2014depth",),
    convention="largest difference from the scale-invariant loss with λ = 1 over 100 images of 7 × 9 pixels",
    claimed=0.0,
    verdict="holds",
)
def scale_invariant_pairs() -> Value:
    torch.manual_seed(0)
    logs = torch.randn(100, 7, 9, dtype=torch.double)
    worst = 0.0
    for one in logs:
        flat = one.flatten()
        pairs = (flat[:, None] - flat).square().mean() / 2
        loss = losses.scale_invariant(one[None], torch.ones(1, 7, 9, dtype=torch.double), 1)
        worst = max(worst, abs(float(loss - pairs)))
    return worst


# 19 · Objects and instances -------------------------------------------------------------------------------------------

cited(
    "rcnn-map",
    (53.7, 35.1, 33.4),
    chapter=19,
    claim="R-CNN reaches 53.7 % mean average precision; bags of visual words 35.1 %, parts models 33.4 %.",
    source="L2",
    references=("girshick2014rich",),
    convention="per cent, VOC 2010",
    claimed=(53.7, 35.1, 33.4),
    verdict="cited",
    form="{:g} %",
)


@row(
    chapter=19,
    claim="YOLO's output is a tensor of 7×7×30 numbers.",
    source="",
    references=("redmon2016you",),
    convention="per image of VOC: two boxes of five numbers and 20 classes for each cell",
    claimed=7 * 7 * 30,
    verdict="holds",
)
def yolo_numbers() -> Value:
    return 7 * 7 * (2 * 5 + 20)


@row(
    chapter=19,
    claim="SSD predicts 8,732 boxes in an image of 300×300 pixels.",
    source="",
    references=("liu2016ssd",),
    convention="anchors of six maps, with four or six on each place",
    claimed=8732,
    verdict="holds",
)
def ssd_boxes() -> Value:
    return sum(side * side * boxes for side, boxes in zip((38, 19, 10, 5, 3, 1), (4, 6, 6, 6, 4, 4), strict=True))


cited(
    "roi-align-mask-ap",
    (26.9, 30.3),
    chapter=19,
    claim="With RoI pooling a Mask R-CNN reaches a mask AP of 26.9, with RoI align 30.3.",
    source="",
    references=("he2017mask",),
    convention="COCO's AP; ResNet-50 with maps of stride 16",
    claimed=(26.9, 30.3),
    verdict="cited",
)

# The course -----------------------------------------------------------------------------------------------------------

LATE_STEPS = ((24, 0.15), (48, 0.30))  # hours late, share lost; a test compares them with every assignment's manifest


@row(
    chapter=0,
    claim="Work handed in late loses 15 % within 24 hours, 30 % within 48, and then everything.",
    source="L4",
    convention="per cent lost after 1, 24, 25, 48 and 49 hours",
    claimed=(15, 15, 30, 30, 100),
    verdict="holds",
)
def late_work() -> Value:
    def lost(hours: float) -> float:
        return next((loses for within, loses in LATE_STEPS if hours <= within), 1.0)

    return tuple(round(100 * lost(hours)) for hours in (1, 24, 25, 48, 49))
