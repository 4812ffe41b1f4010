"""ZFNet (Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014), figure 3.

The figure gives the sizes 224, 110, 55, 26, 13, 6 and leaves the padding out; the padding here is what fits them.
"""

from collections import OrderedDict

from torch import nn


def zfnet(classes: int = 1000) -> nn.Sequential:
    """Return the network of figure 3: (N, 3, 224, 224) to (N, classes) logits."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 96, 7, stride=2, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(3, stride=2, padding=1),
            norm1=_contrast(),
            conv2=nn.Conv2d(96, 256, 5, stride=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(3, stride=2, padding=1),
            norm2=_contrast(),
            conv3=nn.Conv2d(256, 384, 3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(384, 384, 3, padding=1),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(384, 256, 3, padding=1),
            relu5=nn.ReLU(),
            pool5=nn.MaxPool2d(3, stride=2),
            flatten=nn.Flatten(),
            fc6=nn.Linear(256 * 6 * 6, 4096),
            relu6=nn.ReLU(),
            drop6=nn.Dropout(),
            fc7=nn.Linear(4096, 4096),
            relu7=nn.ReLU(),
            drop7=nn.Dropout(),
            fc8=nn.Linear(4096, classes),
        )
    )
    # Section 3 starts all weights at 1e-2, read here as their deviation, since equal weights would stay equal.
    for layer in network:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
    return network


def _contrast() -> nn.LocalResponseNorm:
    # "Contrast normalized across feature maps", with AlexNet's constants since the paper gives none.
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
