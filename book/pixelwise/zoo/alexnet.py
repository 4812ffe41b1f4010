"""AlexNet (Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural networks, 2012).

The paper gives an input of 224×224; its 55×55 units of the first layer follow from 227×227 without padding. It ran on
two GPUs: layers 2, 4 and 5 see only the half of the maps that lives on theirs, which is a convolution in two groups.
The one-tower variant is torchvision's. It goes back to Krizhevsky, One weird trick for parallelizing convolutional
neural networks, 2014: other widths, no groups, no normalisation, padding 2 in the first layer so that 224 fits. That
paper's footnote gives its fourth convolution 384 maps. torchvision's has 256, as Krizhevsky's own code had, and fits
what the paper says of the number of parameters.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def two_towers(classes: int = 1000) -> nn.Sequential:
    """Return the network of the 2012 paper, figure 2: (N, 3, 227, 227) to (N, classes) logits."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 96, 11, stride=4),
            relu1=nn.ReLU(),
            norm1=_normalisation(),
            pool1=nn.MaxPool2d(3, stride=2),
            conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),
            relu2=nn.ReLU(),
            norm2=_normalisation(),
            pool2=nn.MaxPool2d(3, stride=2),
            conv3=nn.Conv2d(256, 384, 3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),
            relu5=nn.ReLU(),
            pool5=nn.MaxPool2d(3, stride=2),
            flatten=nn.Flatten(),
            fc6=nn.Linear(256 * 6 * 6, 4096),
            relu6=nn.ReLU(),
            drop6=nn.Dropout(),  # section 4.2: of the outputs of the first two fully connected layers
            fc7=nn.Linear(4096, 4096),
            relu7=nn.ReLU(),
            drop7=nn.Dropout(),
            fc8=nn.Linear(4096, classes),
        )
    )
    return _initialised(network)


def one_tower(
    classes: int = 1000,
    widths: Sequence[int] = (64, 192, 384, 256, 256),
    hidden: int = 4096,
    side: int = 6,
) -> nn.Sequential:
    """Return torchvision's AlexNet, after the 2014 paper: (N, 3, 224, 224) to (N, classes) logits.

    A small one has other `widths` of its five convolutions, `hidden` units in fc6 and fc7, and a last map of `side`
    units, which has to fit the input: inputs of 64×64 leave 1.
    """
    first, second, third, fourth, fifth = widths
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, first, 11, stride=4, padding=2),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(3, stride=2),
            conv2=nn.Conv2d(first, second, 5, padding=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(3, stride=2),
            conv3=nn.Conv2d(second, third, 3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(third, fourth, 3, padding=1),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(fourth, fifth, 3, padding=1),
            relu5=nn.ReLU(),
            pool5=nn.MaxPool2d(3, stride=2),
            flatten=nn.Flatten(),
            drop6=nn.Dropout(),  # torchvision drops the inputs of these layers, not their outputs
            fc6=nn.Linear(fifth * side * side, hidden),
            relu6=nn.ReLU(),
            drop7=nn.Dropout(),
            fc7=nn.Linear(hidden, hidden),
            relu7=nn.ReLU(),
            fc8=nn.Linear(hidden, classes),
        )
    )
    return _initialised(network)


def _normalisation() -> nn.LocalResponseNorm:
    # Section 3.3 with n = 5, k = 2, β = 0.75. The paper multiplies the sum by α = 1e-4, PyTorch the mean: n times α.
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)


def _initialised(network: nn.Sequential) -> nn.Sequential:
    """Initialise as in section 5: weights of deviation 0.01; biases 1 where they keep ReLUs alive, else 0."""
    for name, layer in network.named_children():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, float(name in {"conv2", "conv4", "conv5", "fc6", "fc7"}))
    return network
