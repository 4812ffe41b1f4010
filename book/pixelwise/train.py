"""Training a small classifier: the loop that chapters share, and the error that they report.

losses = fit(network, images, labels, steps=150, seed=0)
share_wrong = error(network, images, labels)
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fit(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    steps: int,
    batch: int = 32,
    learning_rate: float = 0.05,
    weight_decay: float = 1e-4,
    seed: int = 0,
) -> list[float]:
    """Train `network` on `images` (N, …) with class `labels` (N,) and return the loss of each step's batch.

    Stochastic gradient descent with momentum 0.9 on the cross-entropy. The learning rate rises over the first tenth of
    the steps, and is divided by 10 after 60 % and again after 85 % of them. Batches are drawn without replacement, in
    an order that `seed` decides; with fewer images than `batch`, every batch holds all of them. Parameters that do not
    require a gradient stay as they are. The network is left in training mode.

    Raises `ValueError` when there is not one label per image.

    Source: the recipe of He et al., Deep residual learning for image recognition, 2016, with fixed drops.
    """
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"Training needs one label per image, not {len(labels)} for {len(images)}.")
    learned = [weights for weights in network.parameters() if weights.requires_grad]
    optimiser = torch.optim.SGD(learned, lr=learning_rate, momentum=0.9, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    network.train()
    losses, waiting = [], torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(waiting) < min(batch, len(images)):
            waiting = torch.randperm(len(images), generator=order)
        chosen, waiting = waiting[:batch].to(images.device), waiting[batch:]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * rate_factor(step, steps)
        loss = F.cross_entropy(network(images[chosen]), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def rate_factor(step: int, steps: int) -> float:
    """Return the factor on the learning rate at `step` of `steps`: a linear warm-up over a tenth, then 1, 0.1, 0.01."""
    done = step / steps
    if done < 0.1:
        return (step + 1) / (0.1 * steps + 1)
    return 1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01


@torch.no_grad()
def error(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of `images` (N, …) that `network`, in evaluation mode, puts in another class than `labels`."""
    training = network.training
    network.eval()
    wrong = network(images).argmax(dim=1) != labels
    network.train(training)
    return wrong.float().mean().item()
