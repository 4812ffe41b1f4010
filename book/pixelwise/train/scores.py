"""What a network's outputs are worth: the error of a classifier, the confusion of a segmentation."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from pixelwise.metrics import confusion


@torch.no_grad()
def error(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of `images` (N, …) that `network`, in evaluation mode, puts in another class than `labels`."""
    training = network.training
    network.eval()
    wrong = network(images).argmax(dim=1) != labels
    network.train(training)
    return wrong.float().mean().item()


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Return the labels (N, H, W) that `network`, in evaluation mode, gives to `images` (N, 3, h, w).

    With `size` (H, W) the logits are interpolated to it bilinearly before the class is chosen, which is how a network
    that reads small images is scored on large label maps.
    """
    training = network.training
    network.eval()
    device = next(network.parameters()).device
    logits = network(images.to(device)).float()
    network.train(training)
    if size is not None and tuple(logits.shape[2:]) != tuple(size):
        logits = F.interpolate(logits, size=size, mode="bilinear")
    return logits.argmax(dim=1)


def evaluate(network: nn.Module, data: Dataset | tuple[Tensor, Tensor], classes: int, batch: int = 8) -> Tensor:
    """Return the confusion matrix (K, K) of `network` over all of `data`, on the CPU: rows truth, columns prediction.

    `data` is (images (N, 3, h, w), labels (N, H, W)) or a data set of such pairs. Where the labels are of another size
    than the logits, these are interpolated to it (see `predict`). `VOID` pixels are not counted. A data set whose
    images have several sizes is evaluated with `batch` 1.
    """
    total = torch.zeros(classes, classes, dtype=torch.long)
    for images, labels in batches(data, batch):
        prediction = predict(network, images, tuple(labels.shape[1:]))
        total += confusion(prediction, labels.to(prediction.device), classes).cpu()
    return total


def batches(data: Dataset | tuple[Tensor, Tensor], batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `data` in order as batches of images and labels, the last one smaller if need be."""
    pairs = TensorDataset(*data) if isinstance(data, tuple) else data
    for start in range(0, len(pairs), batch):
        chosen = [pairs[i] for i in range(start, min(start + batch, len(pairs)))]
        images, labels = zip(*chosen, strict=True)
        yield torch.stack(images), torch.stack(labels)
