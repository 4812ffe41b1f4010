"""Changes of an image and its labels together: resize, crop, flip, a random view; and of the image's colours alone.

Images are (3, H, W) of float32 in [0, 1] or of uint8, labels (H, W). What is random is drawn from the generator given,
so that one seed gives the same views everywhere. (torchvision's transforms draw from the global generator.)
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelwise.data import VOID

Pair = tuple[Tensor, Tensor]


def resize(image: Tensor, labels: Tensor, size: tuple[int, int]) -> Pair:
    """Return both at `size` (height, width): the image by bilinear interpolation, the labels by the nearest pixel.

    Where the image gets smaller, the interpolation is widened to take in every pixel (antialiasing).
    """
    rows, columns = (
        # The pixel that the middle of a new one falls into.
        ((torch.arange(new, device=labels.device) + 0.5) * old / new).long()
        for old, new in zip(labels.shape, size, strict=True)
    )
    return F.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0], labels[rows[:, None], columns]


def crop(image: Tensor, labels: Tensor, top: int, left: int, height: int, width: int) -> Pair:
    """Return the window of `height`×`width` whose corner is at (`top`, `left`), which may lie outside of the image.

    What is outside is black in the image and `VOID` in the labels.
    """
    inside = tuple(slice(max(start, 0), max(start + length, 0)) for start, length in ((top, height), (left, width)))
    image, labels = image[:, *inside], labels[inside]
    above, before = min(max(-top, 0), height), min(max(-left, 0), width)
    outside = (before, width - before - labels.shape[1], above, height - above - labels.shape[0])
    return F.pad(image, outside), F.pad(labels, outside, value=VOID)


def flip(image: Tensor, labels: Tensor) -> Pair:
    """Return both mirrored, left and right exchanged."""
    return image.flip(-1), labels.flip(-1)


def in_half(change: Callable[[Tensor, Tensor], Pair]) -> Callable[[Tensor, Tensor, torch.Generator], Pair]:
    """Return what gives an image and its truth as `change` makes them in half of the cases, or else as they are."""

    def changed(image: Tensor, truth: Tensor, generator: torch.Generator) -> Pair:
        return change(image, truth) if torch.rand((), generator=generator) < 0.5 else (image, truth)

    return changed


def random_view(
    image: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    size: tuple[int, int],
    scale: tuple[float, float] = (0.75, 1.5),
) -> Pair:
    """Return a view of `size` (height, width) at a random scale, place and, in half of the cases, mirrored.

    At scale 1 the view is the whole image; at 1.5 a window of 1/1.5 of its height and width; at 0.75 the image is
    smaller than the view, with `VOID` around it. Scales are drawn evenly on a logarithmic axis.
    """
    low, high = scale
    drawn, down, right, mirrored = torch.rand(4, generator=generator).tolist()
    zoom = low * (high / low) ** drawn
    height, width = round(image.shape[1] / zoom), round(image.shape[2] / zoom)
    top, left = round(down * (image.shape[1] - height)), round(right * (image.shape[2] - width))
    pair = resize(*crop(image, labels, top, left, height, width), size)
    return flip(*pair) if mirrored < 0.5 else pair


def colour_jitter(image: Tensor, generator: torch.Generator, strength: float = 0.3) -> Tensor:
    """Return the image (float) with brightness, contrast and saturation each changed by a factor of 1 ± `strength`."""
    brightness, contrast, saturation = (1 + strength * (2 * torch.rand(3, generator=generator) - 1)).tolist()
    image = image * brightness
    grey = image.mean()
    image = grey + contrast * (image - grey)
    grey = image.mean(dim=0, keepdim=True)
    return (grey + saturation * (image - grey)).clamp(0, 1)


def normalise(
    image: Tensor,
    mean: tuple[float, ...] = (0.485, 0.456, 0.406),
    deviation: tuple[float, ...] = (0.229, 0.224, 0.225),
) -> Tensor:
    """Return images (…, 3, H, W) minus `mean`, divided by `deviation`, for each colour.

    The default is ImageNet's, which networks trained by torchvision expect.
    """
    return (image - image.new_tensor(mean)[:, None, None]) / image.new_tensor(deviation)[:, None, None]
