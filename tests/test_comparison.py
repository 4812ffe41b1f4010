"""The comparison of segmentation networks: one protocol, a record of what it gave, and networks kept for a build."""

import math
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pixelwise import comparison, trained_once
from pixelwise.data.scenes import CLASSES

RUNS = comparison.recorded()["runs"]


def of(name, score):
    return [run[score] for run in comparison.runs(name)]


def test_every_network_has_the_same_convolutions_on_the_way_down():
    for name, build in comparison.NETWORKS.items():
        network = build(classes=len(CLASSES))
        down = network.down if name.startswith("U-Net") else network.encoder
        shapes = [tuple(layer.weight.shape[:2]) for layer in down.modules() if isinstance(layer, torch.nn.Conv2d)]
        assert shapes == [
            (width, before)
            for last, width in zip((3, 8, 16, 32, 64), (8, 16, 32, 64, 128), strict=True)
            for before in (last, width)
        ], name


def test_deeplab_and_its_twin_differ_in_nothing_but_dilation():
    names = "DeepLab v1", "DeepLab v1 without dilation"
    both = [comparison.NETWORKS[name](classes=len(CLASSES)).eval() for name in names]
    convolutions = [[m for m in network.modules() if isinstance(m, torch.nn.Conv2d)] for network in both]
    assert [conv.dilation[0] for conv in convolutions[0]] == [1] * 8 + [2, 2, 4, 1, 1]
    assert {conv.dilation for conv in convolutions[1]} == {(1, 1)}
    both[1].load_state_dict(both[0].state_dict())
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        maps = [network.encoder(x) for network in both]
        assert maps[0].shape == maps[1].shape == (1, 128, 12, 12) and not torch.equal(*maps)
        assert both[0](x).shape == both[1](x).shape == (1, len(CLASSES), 96, 96)
    assert comparison.cost(names[0]) == comparison.cost(names[1])


def test_scenes_to_score_are_not_among_those_to_train_on():
    (images, _), (others, _) = comparison.training_set(), comparison.test_set()
    assert len(images) == comparison.TRAINING and len(others) == comparison.TEST
    known = {image.numpy().tobytes() for image in images}
    assert len(known) == comparison.TRAINING and not known & {image.numpy().tobytes() for image in others}


def test_half_of_the_pairs_are_mirrored_images_and_labels_together():
    image, labels = torch.arange(12.0).reshape(1, 3, 4), torch.arange(12).reshape(3, 4)
    generator = torch.Generator().manual_seed(0)
    drawn = [comparison.mirrored_in_half(image, labels, generator) for _ in range(400)]
    assert all(torch.equal(x[0].long(), y) for x, y in drawn)
    assert 150 < sum(torch.equal(y, labels.flip(-1)) for _, y in drawn) < 250


def test_a_seed_trains_the_same_network_again():
    first, again, other = (
        torch.cat([weights.flatten() for weights in comparison.trained("FCN-32s", seed, steps=2).parameters()])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_network_that_is_not_compared_is_named():
    with pytest.raises(ValueError, match=r"The comparison has FCN-32s, .*, and no 'FCN-4s'"):
        comparison.trained("FCN-4s")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the library in a course of its own, and how often a network was trained in it."""
    package = tmp_path / "book" / "pixelwise"
    shutil.copytree(comparison.RECORD.parent, package, ignore=shutil.ignore_patterns("__pycache__", "explorers"))
    (tmp_path / "_config.yml").touch()
    monkeypatch.setattr(comparison, "__file__", str(package / "comparison.py"))
    monkeypatch.setattr(trained_once, "PACKAGE", package)
    monkeypatch.setattr(trained_once, "COURSE", tmp_path)
    trainings = []

    def trained(name, seed):
        trainings.append((name, seed))
        torch.manual_seed(seed + len(trainings))
        return comparison.NETWORKS[name](classes=len(CLASSES)).eval()

    monkeypatch.setattr(comparison, "trained", trained)
    return package, trainings


def test_a_network_of_one_seed_is_trained_once_a_build(course):
    _, trainings = course
    x = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        first, again = (comparison.ready("U-Net", seed=3)(x) for _ in range(2))
    assert torch.equal(first, again) and trainings == [("U-Net", 3)]
    comparison.ready("U-Net", seed=4)
    assert trainings == [("U-Net", 3), ("U-Net", 4)]


def test_pages_that_run_side_by_side_train_a_network_once(course, monkeypatch):
    _, trainings = course
    trained = comparison.trained
    monkeypatch.setattr(comparison, "trained", lambda name, seed: (time.sleep(1), trained(name, seed))[1])
    with ThreadPoolExecutor(2) as pages:
        first, second = pages.map(comparison.ready, ["U-Net", "U-Net"])
    assert trainings == [("U-Net", 0)]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_network_is_trained_again_when_code_that_decides_it_changed(course):
    package, trainings = course
    comparison.ready("FCN-8s")
    with (package / "losses.py").open("a") as losses:
        losses.write("# changed\n")
    comparison.ready("FCN-8s")
    assert len(trainings) == 2


def test_outside_of_a_course_nothing_is_kept(course):
    package, trainings = course
    (package.parents[1] / "_config.yml").unlink()
    comparison.ready("FCN-8s")
    comparison.ready("FCN-8s")
    assert len(trainings) == 2 and not (package.parents[1] / "_build").exists()


def test_the_record_holds_every_network_and_seed_once_and_says_where_it_was_made():
    assert sorted((run["network"], run["seed"]) for run in RUNS) == sorted(
        (name, seed) for name in comparison.NETWORKS for seed in comparison.SEEDS.get(name, range(3))
    )
    record = comparison.recorded()
    assert {run["made"] for run in record["runs"]} == set(range(len(record["made"])))
    for made in record["made"]:
        assert len(made["commit"]) == 40 and made["machine"]["cpu"] and made["versions"]["torch"]


def test_recorded_means_are_those_of_the_recorded_classes():
    for run in RUNS:
        for classes, mean in (("iou", "mean_iou"), ("boundary_iou", "mean_boundary_iou")):
            assert len(run[classes]) == len(CLASSES)
            assert math.isclose(sum(run[classes]) / len(CLASSES), run[mean], abs_tol=1e-4)


def test_a_scene_is_hard_enough_that_coarse_answers_fail_and_no_network_is_perfect():
    assert max(of("FCN-32s", "mean_boundary_iou")) < 0.4
    assert max(run["mean_iou"] for run in RUNS) < 0.95


def test_skips_win_at_boundaries_for_every_seed():
    for coarse, fine in (("FCN-32s", "FCN-16s"), ("FCN-16s", "FCN-8s"), ("U-Net without skips", "U-Net")):
        pairs = zip(of(coarse, "mean_boundary_iou"), of(fine, "mean_boundary_iou"), strict=True)
        assert all(worse < better for worse, better in pairs), (coarse, fine)


@pytest.mark.proof
def test_training_again_gives_what_is_recorded():
    images, truth = comparison.test_set()
    found = comparison.scores(comparison.predicted(comparison.trained("U-Net", seed=0), images), truth)
    # Other processors add in other orders: after hundreds of steps scores agree to a few hundredths, not to the bit.
    assert found["mean_iou"] == pytest.approx(of("U-Net", "mean_iou")[0], abs=0.04)
