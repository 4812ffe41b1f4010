"""How several families begin their training."""

from torch import nn


def initialise_he(network: nn.Module) -> None:
    """Initialise convolutions and linear layers as in He et al., 2015, for ReLUs, and their biases with zero.

    Layers are drawn in the order of ``network.modules()``; the rest of the network stays as it is.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
