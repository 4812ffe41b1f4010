"""CamVid from the command line: train on its train split, score val and test once, write what was run and came out."""

import copy
import json
import math
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pixelwise
from pixelwise import zoo
from pixelwise.data import transforms
from pixelwise.data.camvid import CLASSES, SPLITS, camvid
from pixelwise.data.folders import in_memory
from pixelwise.files import write_whole
from pixelwise.losses import class_weights, cross_entropy, dice, lovasz
from pixelwise.metrics import (
    boundary_confusion,
    boundary_iou,
    boundary_width,
    confusion,
    iou,
    mean_boundary_iou,
    mean_iou,
    pixel_accuracy,
)
from pixelwise.tracing import trace
from pixelwise.train import checkpoint
from pixelwise.train.environment import commit, machine_facts, peak_memory, versions
from pixelwise.train.loop import fit
from pixelwise.train.pictures import page
from pixelwise.train.precision import fast_precision
from pixelwise.train.scores import batches, predict

NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"normalise": True},
    "segnet": {},
    "deconvnet": {},
    **{f"fcn{stride}s": {"crops": "modern", "normalise": True} for stride in (32, 16, 8)},
}
"""The zoo's segmentation networks, with the options that let them be trained from random weights."""
LOSSES = ("cross-entropy", "cross-entropy+lovasz", "cross-entropy+dice")
WEIGHTINGS = ("none", "sqrt", "median")
UNET_WIDTH = 16
SCALES, JITTER = (0.75, 1.5), 0.3
WEIGHT_DECAY = 0.01
MINUTES, TIMED_STEPS = 30, 8
PLAN = "plan.json"
PICTURES = 8


@dataclass(frozen=True)
class Options:
    """One run, as the command line gives it; `size` is (height, width), and `minutes` or `epochs` may be set."""

    data: Path
    out: Path
    network: str = "unet"
    width: int | None = None
    size: tuple[int, int] = (180, 240)
    minutes: float | None = None
    epochs: float | None = None
    batch: int = 8
    learning_rate: float = 3e-3
    loss: str = LOSSES[0]
    class_weights: str = WEIGHTINGS[0]
    seed: int = 0

    def protocol(self) -> dict[str, Any]:
        """Return what decides the result: everything but where files are."""
        return {name: value for name, value in asdict(self).items() if name not in ("data", "out")}


def run(options: Options) -> Path:
    """Train, score and write `result.json` and `pictures.html` into `options.out`; return the first.

    A run that was stopped continues, one that had ended is scored again.

    Raises `FileNotFoundError` or `ValueError` for data that is missing or wrong, for options that do not fit the
    network, and for a folder that holds a run with other options; `Diverged` as `fit` does.
    """
    build_options = dict(NETWORKS[options.network])
    if options.network == "unet":
        build_options["width"] = options.width or UNET_WIDTH
    elif options.width:
        raise ValueError(f"--width is for the U-Net; {options.network} has the widths of its paper.")
    plan = _plan(options)
    data = {split: in_memory(camvid(options.data, split)) for split in SPLITS}
    device = pixelwise.device()
    precision = fast_precision(device)
    torch.manual_seed(options.seed)
    network = zoo.build(options.network, classes=len(CLASSES), **build_options).to(device)
    train = partial(_fit, options=options, precision=precision, loss=_loss(options, data["train"][1]))
    if plan is None:
        steps = _steps(options, len(data["train"][0]), partial(train, copy.deepcopy(network), *data["train"]))
        plan = {"protocol": json.loads(json.dumps(options.protocol())), "steps": steps, "commit": commit()}
        write_whole(options.out / PLAN, json.dumps(plan, indent=1) + "\n")
        # The trial steps drew from the generator that dropout draws from.
        torch.manual_seed(options.seed)
    steps = plan["steps"]
    print(f"Training {options.network} for {steps} steps of {options.batch} images.", flush=True)

    saved = options.out / "checkpoint.pt"
    losses = train(network, *data["train"], steps, checkpoint=saved)
    state = checkpoint.read(saved)
    print(f"Trained in {state['minutes']:.1f} min; the loss is near {statistics.fmean(losses[-20:]):.3f}.", flush=True)

    scores, predictions = {}, {}
    for split in ("val", "test"):
        images, truth = data[split]
        scores[split], predictions[split] = _score(network, _resized(images, options.size), truth)
        print(f"{split}: mIoU {scores[split]['mean_iou']:.3f}, pixel accuracy {scores[split]['pixel_accuracy']:.3f}")
    result = {
        "task": f"CamVid, {len(CLASSES)} classes, void not counted; trained on the images of the train split",
        "scoring": "logits interpolated to the label maps' own size, one confusion matrix for all images of a split",
        "command": _command(options),
        "commit": plan["commit"],
        "machine": machine_facts(device),
        "versions": versions(),
        "protocol": {
            **plan["protocol"],
            "steps": steps,
            "epochs": round(steps * min(options.batch, len(data["train"][0])) / len(data["train"][0]), 2),
            "recipe": f"AdamW, weight decay {WEIGHT_DECAY}, learning rate of one cycle",
            "augmentation": f"scale {SCALES[0]} to {SCALES[1]}, shift, mirror, colours changed by up to {JITTER:.0%}",
            "precision": str(precision or torch.float32).removeprefix("torch."),
        },
        "network": {
            "name": options.network,
            "options": build_options,
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "macs": _macs(options, build_options),
        },
        "minutes": round(state["minutes"], 2),
        "cpu_minutes": round(state["cpu_minutes"], 2),
        "peak_memory_mb": peak_memory(device),
        "loss": round(statistics.fmean(losses[-20:]), 4),
        "scores": scores,
    }
    file, pictures = options.out / "result.json", options.out / "pictures.html"
    write_whole(file, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    write_whole(pictures, page(_shown(options, *data["test"], predictions["test"]), result))
    print(f"Written: {file} and {pictures}")
    return file


def _shown(options: Options, images: Tensor, truth: Tensor, predictions: Tensor) -> Iterable[tuple[Any, ...]]:
    """Return name, image, truth and prediction of some test images, evenly spaced."""
    chosen = torch.linspace(0, len(images) - 1, min(PICTURES, len(images))).long()
    files = camvid(options.data, "test").pairs
    names = [files[i][0].name for i in chosen]
    return zip(names, images[chosen], truth[chosen], predictions[chosen], strict=True)


def _plan(options: Options) -> dict[str, Any] | None:
    """Return the plan of the run that `options.out` holds, if there is one."""
    file = options.out / PLAN
    if not file.exists():
        return None
    try:
        plan = json.loads(file.read_text())
        begun, _, _ = plan["protocol"], int(plan["steps"]), plan["commit"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{file} cannot be read: remove the folder {options.out}, or name another --out.") from None
    for name, value in json.loads(json.dumps(options.protocol())).items():
        if begun.get(name) != value:
            raise ValueError(
                f"{options.out} holds a run with {name} {begun.get(name)}, not {value}: name another --out, or repeat "
                "the options that it began with."
            )
    return plan


def _steps(options: Options, images: int, trial: Callable[[int], list[float]]) -> int:
    """Return how many steps the epochs have or, after trying, how many take so many minutes here and now."""
    if options.epochs:
        return max(1, round(options.epochs * images / min(options.batch, images)))
    trial(2)
    start = time.perf_counter()
    trial(TIMED_STEPS)
    return max(1, round(60 * (options.minutes or MINUTES) * TIMED_STEPS / (time.perf_counter() - start)))


def _command(options: Options) -> str:
    """Return the command line without the names of the user's folders."""
    hidden = {str(options.data): "DATA", str(options.out): "OUT"}
    return shlex.join(("python", "-m", "pixelwise.train", *(hidden.get(word, word) for word in sys.argv[1:])))


def _fit(
    network: nn.Module, images: Tensor, labels: Tensor, steps: int, *, options: Options, **others: Any
) -> list[float]:
    return fit(
        network,
        images,
        labels,
        steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        weight_decay=WEIGHT_DECAY,
        seed=options.seed,
        recipe="adamw",
        augment=partial(_augmented, size=options.size),
        **others,
    )


def _augmented(
    image: Tensor, labels: Tensor, generator: torch.Generator, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    image, labels = transforms.random_view(image, labels, generator, size, SCALES)
    return transforms.colour_jitter(image.float() / 255, generator, JITTER), labels.long()


def _loss(options: Options, labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    weight = None
    if options.class_weights != "none":
        weight = class_weights(labels, len(CLASSES), "median") ** (0.5 if options.class_weights == "sqrt" else 1)
    region = {"lovasz": lovasz, "dice": dice}.get(options.loss.partition("+")[2])

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        value = cross_entropy(logits, truth, weight=None if weight is None else weight.to(logits.device))
        return value if region is None else value + region(logits, truth)

    return loss


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    blank = torch.zeros(1, 1, dtype=torch.uint8)
    return torch.stack([transforms.resize(image, blank, size)[0] for image in images]).float() / 255


def _score(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[dict[str, Any], Tensor]:
    """Return the scores of a split, and the labels predicted."""
    classes = len(CLASSES)
    regions = torch.zeros(classes, classes, dtype=torch.long)
    boundaries = torch.zeros(classes + 1, classes + 1, dtype=torch.long)
    predictions = []
    for x, truth in batches((images, labels), 8):
        prediction = predict(network, x, tuple(truth.shape[1:])).cpu()
        predictions.append(prediction.to(torch.uint8))
        regions += confusion(prediction, truth.long(), classes)
        boundaries += boundary_confusion(prediction, truth.long(), classes)
    scores = {
        "images": len(images),
        "label_size": f"{labels.shape[2]}x{labels.shape[1]}",
        "mean_iou": float(mean_iou(regions)),
        "pixel_accuracy": float(pixel_accuracy(regions)),
        "iou": dict(zip(CLASSES, iou(regions).tolist(), strict=True)),
        "boundary_width": boundary_width(*labels.shape[1:]),
        "mean_boundary_iou": float(mean_boundary_iou(boundaries)),
        "boundary_iou": dict(zip(CLASSES, boundary_iou(boundaries).tolist(), strict=True)),
    }
    return _rounded(scores), torch.cat(predictions)


def _rounded(value: Any) -> Any:
    """Return the value with real numbers to 4 places; an absent class's NaN, which JSON does not know, as None."""
    if isinstance(value, dict):
        return {name: _rounded(held) for name, held in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def _macs(options: Options, build_options: dict[str, Any]) -> int:
    with torch.device("meta"):
        network = zoo.build(options.network, classes=len(CLASSES), **build_options)
    return trace(network, (3, *options.size)).macs
