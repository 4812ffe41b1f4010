"""The course's segmentation networks, small, trained on the scenes under one protocol, and what came of it.

    python -m pixelwise.comparison                 # every network and seed; writes comparison.json
    python -m pixelwise.comparison U-Net FCN-8s    # these again

All have the same ten convolutions on the way down, 8 to 128 channels wide; they differ in how they come back up. Pages
train the networks of one seed themselves, with `ready`, and read from the record what other seeds gave.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pixelwise
from pixelwise import metrics, train, trained_once, zoo
from pixelwise.data.scenes import CLASSES, scenes
from pixelwise.data.transforms import flip, in_half, normalise
from pixelwise.losses import class_weights, cross_entropy
from pixelwise.tracing import trace
from pixelwise.train import records

RECORD = Path(__file__).with_name("comparison.json")

# What is the same for all: 1,000 scenes to train on and 200 others to score, and how the weights are found.
SIZE, TRAINING, TEST, TEST_SEED = 96, 1000, 200, 1000
STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 900, 8, 0.01, 0.01

STAGES = ((8, 8), (16, 16), (32, 32), (64, 64), (128, 128))
_FCN = {"configuration": STAGES, "crops": "modern", "normalise": True, "head": 128, "kernel": 3, "dropout": 0.1}
_UNET = {"width": 8, "normalise": True, "dropout": 0.0}
_DEEPLAB = {"configuration": STAGES, "head": 128, "dropout": 0.1, "normalise": True}


def _undilated(**options: Any) -> nn.Module:
    """Return DeepLab v1 with the windows of ordinary convolutions: as many weights, as much work, smaller fields."""
    network = zoo.build("deeplab_v1", **options)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.dilation, layer.padding = (1, 1), (layer.kernel_size[0] // 2, layer.kernel_size[1] // 2)
    return network


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "FCN-32s": partial(zoo.build, "fcn32s", **_FCN),
    "FCN-16s": partial(zoo.build, "fcn16s", **_FCN),
    "FCN-8s": partial(zoo.build, "fcn8s", **_FCN),
    "FCN-8s, upsampling fixed": partial(zoo.build, "fcn8s", **_FCN, learned="none"),
    "FCN-8s, upsampling learned": partial(zoo.build, "fcn8s", **_FCN, learned="all"),
    "DeconvNet": partial(zoo.build, "deconvnet", configuration=STAGES, head=128, kernel=3),
    "SegNet": partial(zoo.build, "segnet", configuration=STAGES),
    "U-Net": partial(zoo.build, "unet", **_UNET),
    "U-Net without skips": partial(zoo.build, "unet", **_UNET, skips=False),
    # A dilation of 4 is to maps of 12×12 units about what the paper's 12 is to its maps of 41×41.
    "DeepLab v1": partial(zoo.build, "deeplab_v1", **_DEEPLAB, dilation=4),
    "DeepLab v1 without dilation": partial(_undilated, **_DEEPLAB),
}
SEEDS = {name: range(5) for name in ("FCN-32s", "FCN-16s", "FCN-8s", "U-Net", "U-Net without skips")}


@cache
def training_set() -> tuple[Tensor, Tensor]:
    """Return the scenes to train on, normalised: images (1000, 3, 96, 96) and labels (1000, 96, 96), on the CPU."""
    drawn = scenes(TRAINING, SIZE, seed=0)
    return normalise(drawn.images), drawn.labels


@cache
def test_set() -> tuple[Tensor, Tensor]:
    """Return the scenes to score, normalised: images (200, 3, 96, 96) and labels (200, 96, 96), on the CPU."""
    drawn = scenes(TEST, SIZE, seed=TEST_SEED)
    return normalise(drawn.images), drawn.labels


mirrored_in_half = in_half(flip)


def trained(name: str, seed: int = 0, steps: int = STEPS) -> nn.Module:
    """Return the network `name` of `NETWORKS`, trained by the protocol from `seed`, on the course's device.

    The loss is the cross-entropy, each class weighted by one over the square root of its frequency.

    Raises `ValueError` for a name that is not there.
    """
    if name not in NETWORKS:
        raise ValueError(f"The comparison has {', '.join(NETWORKS)}, and no {name!r}.")
    images, labels = training_set()
    weight = class_weights(labels, len(CLASSES), "balanced").sqrt().to(pixelwise.device())
    torch.manual_seed(seed)
    with torch.device("cpu"):
        # With a pixel's channels side by side in memory, narrow layers take a quarter to a third less time.
        network = NETWORKS[name](classes=len(CLASSES)).to(memory_format=torch.channels_last)
    network = network.to(pixelwise.device())
    train.fit(
        network,
        images,
        labels,
        steps,
        BATCH,
        LEARNING_RATE,
        WEIGHT_DECAY,
        seed,
        recipe="adamw",
        loss=partial(cross_entropy, weight=weight),
        augment=mirrored_in_half,
    )
    return network.eval()


def ready(name: str, seed: int = 0) -> nn.Module:
    """Return what `trained` returns, from the course's folder `_build/trained` if a page trained it there before.

    Several pages show the same networks, so each is trained once a build. A file is used only for the code, the version
    of PyTorch and the kind of device that made it.
    """
    return trained_once.ready(
        f"{name} {seed}",
        (Path(__file__),),
        build=lambda: NETWORKS[name](classes=len(CLASSES)),
        train=lambda: trained(name, seed),
    )


def predicted(network: nn.Module, images: Tensor) -> Tensor:
    """Return the label maps (N, H, W), on the CPU, of normalised images (N, 3, H, W)."""
    return torch.cat([train.predict(network, part).cpu() for part in images.split(50)])


def scores(prediction: Tensor, truth: Tensor) -> dict[str, Any]:
    """Return the IoU and the boundary IoU of each class, their means, and the pixel accuracy, as Python numbers."""
    counts = metrics.confusion(prediction, truth, len(CLASSES))
    edges = metrics.boundary_confusion(prediction, truth, len(CLASSES))
    return {
        "iou": [round(value, 4) for value in metrics.iou(counts).tolist()],
        "boundary_iou": [round(value, 4) for value in metrics.boundary_iou(edges).tolist()],
        "mean_iou": round(metrics.mean_iou(counts).item(), 4),
        "mean_boundary_iou": round(metrics.mean_boundary_iou(edges).item(), 4),
        "pixel_accuracy": round(metrics.pixel_accuracy(counts).item(), 4),
    }


def cost(name: str) -> dict[str, int]:
    """Return parameters, and for one scene multiply–accumulates and activations, of the network `name`."""
    with torch.device("meta"):
        network = NETWORKS[name](classes=len(CLASSES))
    found = trace(network, (3, SIZE, SIZE))
    return {"parameters": found.parameters, "macs": found.macs, "activations": found.activations}


def recorded() -> dict[str, Any]:
    """Return the record: where it was made ("commit", "machine" …), and "runs", a list of the scores of each."""
    return json.loads(RECORD.read_text())


def runs(name: str) -> list[dict[str, Any]]:
    """Return what the record holds of the network `name`, one entry a seed, in their order."""
    return sorted((run for run in recorded()["runs"] if run["network"] == name), key=lambda run: run["seed"])


def _run(name: str, seed: int) -> dict[str, Any]:
    training_set(), test_set()
    clock, processor = time.perf_counter(), time.process_time()
    network = trained(name, seed)
    seconds = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    images, truth = test_set()
    found = {"network": name, "seed": seed, **scores(predicted(network, images), truth)}
    return found | {key: round(value, 1) for key, value in seconds.items()}


def main(names: list[str]) -> None:
    """Train what is asked for and write the record, again after each run.

    In the record, "made" lists where runs were made, and each run names its place there: "made": 0 is the first.
    """
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        sys.exit(f"The comparison has {', '.join(NETWORKS)}, and no {unknown[0]!r}.")
    names = names or list(NETWORKS)
    record = recorded() if RECORD.exists() else {"made": [], "runs": []}
    kept = [run for run in record["runs"] if run["network"] not in names]
    places = sorted({run["made"] for run in kept})
    kept = [run | {"made": places.index(run["made"])} for run in kept]
    here = records.made_here(pixelwise.device())
    record = {"made": [*(record["made"][place] for place in places), here], "runs": kept}
    todo = [(seed, name) for name in names for seed in SEEDS.get(name, range(3))]
    for seed, name in sorted(todo):
        found = _run(name, seed)
        print(
            f"{name}, seed {seed}: mean IoU {found['mean_iou']:.3f}, at boundaries "
            f"{found['mean_boundary_iou']:.3f}, {found['processor_seconds']:.0f} processor seconds",
            flush=True,
        )
        record["runs"].append(found | {"made": len(places)})
        records.write(RECORD, record)


if __name__ == "__main__":
    main(sys.argv[1:])
