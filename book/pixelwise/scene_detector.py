"""The grid detector on the scenes: how it is trained, what it finds, and a record of what came of three seeds.

    python -m pixelwise.scene_detector        # every seed; writes scene_detector.json

Its classes are the things of the scenes: class 0 is `THINGS[0]`, label `FIRST` of the label maps. The scenes to score
are those of `pixelwise.comparison`, whose U-Net (of seed 0) draws the label maps that boxes cut into instances.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pixelwise
from pixelwise import comparison, detection, train, trained_once, zoo
from pixelwise.comparison import SIZE, TEST, TEST_SEED
from pixelwise.data.scenes import CLASSES, THINGS, Scenes, scenes
from pixelwise.data.transforms import in_half, normalise
from pixelwise.detection import MISTAKES, AveragePrecision, Detections, Objects, PanopticQuality
from pixelwise.train import records
from pixelwise.zoo import grid_detector

RECORD = Path(__file__).with_name("scene_detector.json")

TRAINING, STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 1500, 800, 16, 0.003, 0.01
SEEDS = range(3)
# Objects with fewer visible pixels are neither to be found nor wrong to find.
LEAST = 16
# From which score on a detection is shown, is called an error, and makes an instance.
SURE = 0.3
FIRST = CLASSES.index(THINGS[0])


def objects(data: Scenes) -> list[Objects]:
    """Return the things of each scene, with classes counted from the first thing; the small ones are ignored."""
    found = detection.objects_in(data.instances, data.labels, LEAST)
    return [Objects(each.boxes, each.classes - FIRST, each.ignored) for each in found]


@cache
def training_set() -> tuple[Tensor, list[Objects]]:
    """Return the scenes to train on: normalised images (1500, 3, 96, 96) and their objects, on the CPU."""
    drawn = scenes(TRAINING, SIZE, seed=0)
    return normalise(drawn.images), objects(drawn)


@cache
def test_set() -> tuple[Scenes, list[Objects]]:
    """Return the 200 scenes to score, as they are, and their objects, on the CPU."""
    drawn = scenes(TEST, SIZE, seed=TEST_SEED)
    return drawn, objects(drawn)


mirrored_in_half = in_half(grid_detector.mirrored)


def trained(seed: int = 0, steps: int = STEPS) -> nn.Module:
    """Return the detector, trained from `seed`, on the course's device."""
    images, truth = training_set()
    torch.manual_seed(seed)
    with torch.device("cpu"):
        network = _built().to(memory_format=torch.channels_last)
    network = network.to(pixelwise.device())
    packed = grid_detector.packed(truth)
    train.fit(
        network,
        images,
        packed,
        steps,
        BATCH,
        LEARNING_RATE,
        WEIGHT_DECAY,
        seed,
        recipe="adamw",
        loss=grid_detector.loss,
        augment=mirrored_in_half,
    )
    return network.eval()


def ready(seed: int = 0) -> nn.Module:
    """Return what `trained` returns, from the course's folder `_build/trained` if a page trained it there before."""
    return trained_once.ready(
        f"detector {seed}",
        (Path(__file__), *(Path(__file__).parent / "detection").glob("*.py")),
        build=_built,
        train=lambda: trained(seed),
    )


def _built() -> nn.Module:
    return zoo.build("grid_detector", classes=len(THINGS))


@torch.no_grad()
def found(network: nn.Module, images: Tensor, threshold: float = 0.5) -> list[Detections]:
    """Return what the detector finds in images (N, 3, H, W) from 0 to 1, on the CPU; `threshold` is suppression's."""
    device = next(network.parameters()).device
    result = []
    for part in normalise(images).split(50):
        outputs = network(part.to(device)).cpu()
        result += grid_detector.detect(outputs, tuple(images.shape[2:]), threshold=threshold)
    return result


def surest(detections: Detections, least: float = SURE) -> Detections:
    """Return the detections whose score is at least `least`."""
    sure = detections.scores >= least
    return Detections(detections.boxes[sure], detections.classes[sure], detections.scores[sure])


def scored(found: Sequence[Detections], truth: Sequence[Objects], convention: str = "voc2010") -> AveragePrecision:
    """Return average precision by a convention, with all images taken in."""
    score = AveragePrecision(len(THINGS), convention)
    for one, other in zip(found, truth, strict=True):
        score.update(one, other)
    return score


def errors(found: Sequence[Detections], truth: Sequence[Objects]) -> dict[str, int]:
    """Return how many of the sure detections of all images are right or one of the mistakes, and "missed" objects."""
    counts = dict.fromkeys((*MISTAKES, "missed"), 0)
    for one, other in zip(found, truth, strict=True):
        kinds, missed = detection.mistakes(surest(one), other)
        for kind in kinds.tolist():
            counts[MISTAKES[kind]] += 1
        counts["missed"] += int(missed.sum())
    return counts


def instances(labels: Tensor, found: Sequence[Detections] | None = None) -> Tensor:
    """Return instances (N, H, W) of label maps (N, H, W): connected components, or told apart by the sure boxes."""
    if found is None:
        return detection.connected(labels, range(FIRST, FIRST + len(THINGS)), LEAST)
    return detection.by_boxes(labels, [surest(each) for each in found], FIRST, LEAST)


def panoptic(made: Tensor, labels: Tensor) -> PanopticQuality:
    """Return the panoptic quality of instances (N, H, W) and label maps (N, H, W) of the test scenes, all taken in."""
    truth, objects_of = test_set()
    score = PanopticQuality(len(CLASSES))
    for i, each in enumerate(objects_of):
        # Ignored objects are void. Objects come in the order of their numbers.
        numbers = truth.instances[i].unique()
        small = numbers[numbers > 0][each.ignored]
        void = torch.isin(truth.instances[i], small)
        score.update(made[i], labels[i], truth.instances[i], truth.labels[i], void)
    return score


def recorded() -> Mapping[str, Any]:
    """Return the record: where it was made ("commit", "machine" …), "components", and "runs", one entry a seed."""
    return json.loads(RECORD.read_text())


def runs() -> list[dict[str, Any]]:
    """Return what the record holds of each seed, in their order."""
    return sorted(recorded()["runs"], key=lambda run: run["seed"])


def measured(network: nn.Module, label_maps: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return all scores of a detector, and of the instances that its boxes make of label maps of the test scenes.

    "ap" holds for each convention the AP of each class, "nms" mean AP by the threshold of suppression, "errors" counts,
    and "panoptic" for each of the label maps what `quality` returns.
    """
    data, truth = test_set()
    here = found(network, data.images)
    result: dict[str, Any] = {"ap": {}, "nms": {}, "errors": errors(here, truth), "panoptic": {}}
    for convention in ("voc2007", "voc2010", "coco"):
        result["ap"][convention] = _rounded(scored(here, truth, convention).per_class().mean(0))
    for threshold in (0.3, 0.5, 0.7, 1.0):
        result["nms"][str(threshold)] = _rounded(scored(found(network, data.images, threshold), truth).mean()[None])[0]
    for name, labels in label_maps.items():
        result["panoptic"][name] = quality(instances(labels, here), labels)
    return result


def quality(made: Tensor, labels: Tensor) -> dict[str, list[float]]:
    """Return PQ, SQ and RQ averaged over the things, "mean", and the PQ of each, "pq"."""
    of_things = panoptic(made, labels).quality()[:, FIRST:]
    return {"mean": _rounded(of_things.nanmean(1)), "pq": _rounded(of_things[0])}


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


def main() -> None:
    """Train the detector from each seed and write the record."""
    record = records.made_here(pixelwise.device())
    images, _ = comparison.test_set()
    maps = {"U-Net": comparison.predicted(comparison.ready("U-Net"), images), "true labels": test_set()[0].labels}
    record["components"] = {name: quality(instances(labels), labels) for name, labels in maps.items()}
    record["runs"] = []
    for seed in SEEDS:
        training_set()
        begun = time.process_time()
        network = trained(seed)
        run = {"seed": seed, "processor_seconds": round(time.process_time() - begun, 1)} | measured(network, maps)
        mean = statistics.fmean(run["ap"]["voc2010"])
        print(f"seed {seed}: AP {mean:.3f}, {run['processor_seconds']:.0f} processor seconds", flush=True)
        record["runs"].append(run)
    records.write(RECORD, record)


if __name__ == "__main__":
    main()
