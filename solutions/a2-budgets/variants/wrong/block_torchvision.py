"""Takes torchvision's bottleneck, whose activations come after the convolutions."""

FAILS = {"Bottleneck": "error"}
HINT = "This block is not torchvision's, and the library is off limits here."


def Bottleneck(in_channels, width, stride=1, dilation=1):
    from torchvision.models.resnet import Bottleneck as Published

    return Published(in_channels, width, stride, dilation=dilation)
