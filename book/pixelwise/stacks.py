"""Convolutional parts of well-known networks as layers of `pixelwise.arithmetic`, traced from the zoo."""

from pixelwise import zoo
from pixelwise.arithmetic import Stack

ALEXNET: Stack = zoo.MODELS["alexnet_paper"].trace().layers
ZFNET: Stack = zoo.MODELS["zfnet"].trace().layers
RESNET_STEM: Stack = zoo.MODELS["resnet18"].trace().layers[:2]


def vgg(configuration: str = "D") -> Stack:
    """Return configuration A, B, D (VGG-16) or E (VGG-19) up to its last pooling."""
    names = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}
    return zoo.MODELS[names[configuration]].trace().layers
