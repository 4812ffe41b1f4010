"""How fast a data set is scored, beside torchmetrics: `python -m benchmarks.metrics [--rounds 9]`.

Both score the same label maps, batch by batch: 19 classes, images of 512×1024, a tenth of the pixels void. Each round
times both, one after the other, and ratios are taken within a round, so that a machine that slows down slows both sides
of a ratio. What is printed is the median over rounds with its range. Both find the same numbers, or the run ends.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

import pixelwise
from pixelwise import metrics
from pixelwise.data import VOID

# isort: split
# torchmetrics imports torchvision, which pixelwise lets be imported beside a CPU-only torch.
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

CLASSES, BATCH, SIZE = 19, 4, (512, 1024)
Score = Callable[[list[tuple[Tensor, Tensor]]], Tensor]


def our_confusion(batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return sum(metrics.confusion(prediction, truth, CLASSES) for prediction, truth in batches)


def our_mean_iou(batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    return metrics.mean_iou(our_confusion(batches))


def theirs(kind: type, **options: object) -> Score:
    def score(batches: list[tuple[Tensor, Tensor]]) -> Tensor:
        metric = kind(CLASSES, ignore_index=VOID, **options).to(batches[0][0].device)
        for prediction, truth in batches:
            metric.update(prediction, truth)
        return metric.compute()

    return score


# Without the check of its arguments torchmetrics counts wrongly, or crashes, where a label is out of range.
PAIRS: dict[str, tuple[Score, Score]] = {
    "confusion matrix": (our_confusion, theirs(MulticlassConfusionMatrix)),
    "confusion matrix, theirs without checks": (our_confusion, theirs(MulticlassConfusionMatrix, validate_args=False)),
    "mean IoU": (our_mean_iou, theirs(MulticlassJaccardIndex)),
}


def seconds(score: Score, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Return the time of one call, including what it left running on a GPU."""
    started = time.perf_counter()
    score(batches).cpu()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    batches = []
    for _ in range(2):
        truth = torch.randint(CLASSES, (BATCH, *SIZE))
        prediction = torch.where(torch.rand(truth.shape) < 0.7, truth, torch.randint(CLASSES, truth.shape))
        truth = truth.where(torch.rand(truth.shape) < 0.9, VOID)
        batches.append((prediction.to(pixelwise.device()), truth.to(pixelwise.device())))
    print(f"{len(batches)} batches of {BATCH} images of {SIZE[0]}×{SIZE[1]} on {pixelwise.device()}, {rounds} rounds")
    for name, (ours, other) in PAIRS.items():
        torch.testing.assert_close(ours(batches).float(), other(batches).float())  # also warms both up
        times = [(seconds(ours, batches), seconds(other, batches)) for _ in range(rounds)]
        ratios = sorted(theirs / mine for mine, theirs in times)
        print(
            f"{name}: ours {1e3 * statistics.median(mine for mine, _ in times):.1f} ms, torchmetrics takes "
            f"{statistics.median(ratios):.2f} times as long ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
