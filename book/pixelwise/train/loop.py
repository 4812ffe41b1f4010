"""The training loop: batches in an order that a seed decides, a recipe, and a run that can be interrupted."""

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from pixelwise.losses import cross_entropy
from pixelwise.train.checkpoint import Checkpoint
from pixelwise.train.progress import Progress

Loss = Callable[[Tensor, Tensor], Tensor]
Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
# A run has diverged when the middle one of this many losses is so many times that of the first ten.
LONG, FAR = 100, 4


class Diverged(RuntimeError):
    """The loss is no longer finite, or has stayed far above where it began."""


@dataclass(frozen=True)
class Recipe:
    """An optimiser, made of parameters, learning rate and weight decay, and the factor on its rate at each step."""

    optimiser: Callable[[list[nn.Parameter], float, float], torch.optim.Optimizer]
    factor: Callable[[int, int], float]


def rate_factor(step: int, steps: int) -> float:
    """Return the factor on the learning rate at `step` of `steps`: a linear warm-up over a tenth, then 1, 0.1, 0.01."""
    done = step / steps
    if done < 0.1:
        return (step + 1) / (0.1 * steps + 1)
    return 1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01


def one_cycle(step: int, steps: int) -> float:
    """Return the factor on the learning rate at `step` of `steps`: a linear rise over a tenth, then half a cosine to 0.

    Source: the cosine of Loshchilov and Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017, without
    restarts, after a warm-up.
    """
    rise = 0.1 * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


RECIPES = {
    "sgd": Recipe(
        lambda learned, rate, decay: torch.optim.SGD(learned, lr=rate, momentum=0.9, weight_decay=decay), rate_factor
    ),
    "adamw": Recipe(lambda learned, rate, decay: torch.optim.AdamW(learned, lr=rate, weight_decay=decay), one_cycle),
}


def fit(
    network: nn.Module,
    images: Tensor | Dataset,
    labels: Tensor | None,
    steps: int,
    batch: int = 32,
    learning_rate: float = 0.05,
    weight_decay: float = 1e-4,
    seed: int = 0,
    *,
    recipe: str = "sgd",
    loss: Loss | None = None,
    augment: Augmentation | None = None,
    precision: torch.dtype | None = None,
    checkpoint: str | Path | None = None,
    save_every: float = 60,
) -> list[float]:
    """Train `network` on `images` (N, …) with their `labels` and return the loss of each step's batch.

    Labels are classes (N,) or maps of classes (N, H, W), whose `VOID` pixels do not count. Instead of tensors, `images`
    may be a data set of pairs (image, label), with `labels` None. What `augment(image, label, generator)` returns is
    used in place of each pair; the generator depends on `seed` and the step alone. Batches go to the network's device.

    The "sgd" recipe is stochastic gradient descent with momentum 0.9; the learning rate rises over the first tenth of
    the steps, and is divided by 10 after 60 % and again after 85 % of them. "adamw" is AdamW with `one_cycle`; it wants
    rates near 0.003. `loss(logits, labels)` is the cross-entropy unless given. Batches are drawn without replacement,
    in an order that `seed` decides; with fewer images than `batch`, every batch holds all of them. Parameters that do
    not require a gradient stay as they are. The network is left in training mode.

    With `precision` bfloat16 or float16 the forward pass runs in it where that is safe (autocast; float16 with a scaled
    loss), and convolutions keep the channels of a pixel together in memory (channels_last).

    With `checkpoint`, the run's whole state is written to that file every `save_every` seconds and at the end. A later
    call with the same arguments continues from there; on one machine's CPU with the same number of threads it ends with
    the same bits as a run that nobody stopped. (On a GPU some gradients are sums in no fixed order.)

    Raises `ValueError` when there is not one label per image, for another recipe, and for a checkpoint that cannot be
    read or belongs to a run with other arguments; `Diverged` when the loss is not finite, or the median of the last
    100 losses is over 4 times that of the first ten.

    Source: "sgd" is the recipe of He et al., Deep residual learning for image recognition, 2016, with fixed drops;
    "adamw" is Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
    """
    count = len(images)
    if not count or (labels is not None and len(labels) != count):
        raise ValueError(f"Training needs one label per image, not {0 if labels is None else len(labels)} for {count}.")
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}; there are {', '.join(RECIPES)}.")
    learned = [weights for weights in network.parameters() if weights.requires_grad]
    optimiser = RECIPES[recipe].optimiser(learned, learning_rate, weight_decay)
    device = learned[0].device
    scaler = torch.amp.GradScaler(device.type, enabled=precision is torch.float16)
    criterion = loss or _cross_entropy
    if precision is not None:
        network.to(memory_format=torch.channels_last)
    network.train()

    losses: list[float] = []
    saved = None
    if checkpoint is not None:
        run = {"images": count, "steps": steps, "batch": batch, "learning_rate": learning_rate}
        run |= {"weight_decay": weight_decay, "seed": seed, "recipe": recipe, "precision": str(precision)}
        saved = Checkpoint(
            Path(checkpoint), run, save_every, {"network": network, "optimiser": optimiser, "scaler": scaler}
        )
        losses = saved.restore()
    # A seed for each step lets a continued run draw what it would have drawn.
    seeds = torch.randint(2**31, (steps,), generator=torch.Generator().manual_seed(seed)).tolist()
    progress = Progress("training", steps)
    for step, chosen in islice(enumerate(_order(count, min(batch, count), steps, seed)), len(losses), None):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * RECIPES[recipe].factor(step, steps)
        x, y = _drawn(images, labels, chosen, augment, torch.Generator().manual_seed(seeds[step]))
        x, y = x.to(device), y.to(device)
        if precision is not None and x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)
        with torch.autocast(device.type, precision, enabled=precision is not None):
            logits = network(x)
        value = criterion(logits if precision is None else logits.float(), y)
        losses.append(value.item())
        _check(losses, learning_rate)
        optimiser.zero_grad()
        scaler.scale(value).backward()
        scaler.step(optimiser)
        scaler.update()
        progress.show(step + 1, f"loss {statistics.fmean(losses[-20:]):.3f}")
        if saved is not None:
            saved.keep(losses, last=step + 1 == steps)
    progress.close()
    return losses


def _order(count: int, batch: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Yield the indices of each step's batch."""
    order = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(waiting) < batch:
            waiting = torch.randperm(count, generator=order)
        chosen, waiting = waiting[:batch], waiting[batch:]
        yield chosen


def _drawn(
    images: Tensor | Dataset,
    labels: Tensor | None,
    chosen: Tensor,
    augment: Augmentation | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    if labels is not None and augment is None:
        chosen = chosen.to(images.device)
        return images[chosen], labels[chosen]
    pairs = [images[i] if labels is None else (images[i], labels[i]) for i in chosen.tolist()]
    if augment is not None:
        pairs = [augment(*pair, generator) for pair in pairs]
    x, y = zip(*pairs, strict=True)
    return torch.stack(x), torch.stack([torch.as_tensor(label) for label in y])


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    # 255 is void in label maps alone: it is an ordinary class of images.
    return cross_entropy(logits, labels) if labels.ndim > 1 else F.cross_entropy(logits, labels)


def _check(losses: list[float], learning_rate: float) -> None:
    advice = f"try a learning rate below {learning_rate:g}, or look at the images and labels of this step"
    if not math.isfinite(losses[-1]):
        raise Diverged(f"The loss is {losses[-1]} at step {len(losses)}: {advice}.")
    if len(losses) >= 10 + LONG and len(losses) % 10 == 0:
        start, now = statistics.median(losses[:10]), statistics.median(losses[-LONG:])
        if now > FAR * start:
            raise Diverged(
                f"The loss is {losses[-1]:.3g} at step {len(losses)}, and was near {now:.3g} for {LONG} steps after a "
                f"start at {start:.3g}: {advice}."
            )
