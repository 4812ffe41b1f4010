"""Copies what torchvision's networks have learned into the zoo's, whose layers have other names."""

import torch
from torch import nn


@torch.no_grad()
def copy_weights(network: nn.Module, theirs: nn.Module, size: int = 224) -> None:
    """Copy the parameters and running statistics of torchvision's network `theirs` into `network`, in place.

        zoo.copy_weights(zoo.build("resnet18"), torchvision.models.resnet18(weights="IMAGENET1K_V1"))

    Layers are matched by the order in which they compute, on an image of `size` pixels, and must have the same shapes.
    ViT and Swin are not supported: their attention is not divided into the same layers.

    Raises `ValueError` when the layers do not match, or when `theirs` rescales its input first.
    """
    if getattr(theirs, "transform_input", False):
        raise ValueError("This network rescales its input first, which the zoo's does not: set transform_input=False.")
    image = torch.zeros(1, 3, size, size)
    mine, its = in_order(network, image), in_order(theirs, image)
    shapes = [[[values.shape for values in part.state_dict().values()] for part in parts] for parts in (mine, its)]
    if shapes[0] != shapes[1]:
        raise ValueError("The two networks do not compute with the same layers in the same order.")
    for part, other in zip(mine, its, strict=True):
        part.load_state_dict(other.state_dict())


def in_order(network: nn.Module, image: torch.Tensor) -> list[nn.Module]:
    """Return the innermost modules that hold parameters, in the order in which they run on an image, in evaluation."""
    ran: list[nn.Module] = []
    holding = [part for part in network.modules() if any(True for _ in part.parameters(recurse=False))]
    handles = [part.register_forward_hook(lambda part, *_: ran.append(part)) for part in holding]
    training = network.training
    try:
        network.eval()(image.to(next(network.parameters()).device))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return ran
