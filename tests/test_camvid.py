"""`python -m pixelwise.train camvid`: its words, exit status and files, on a small data set made here."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from pixelwise.data.camvid import CLASSES

IMAGES = {"train": 5, "val": 2, "test": 3}
SHORT = ("--width", "4", "--size", "32x24", "--epochs", "2", "--batch", "4")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set like CamVid: stripes of the 11 classes and void, in images of 48×36 pixels with noise."""
    place = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    for split, count in IMAGES.items():
        for kind in ("images", "labels"):
            (place / split / kind).mkdir(parents=True)
        for number in range(count):
            labels = np.roll(np.arange(36) // 3, number)[:, None].repeat(48, axis=1)
            pixels = 20 * labels[..., None] + rng.integers(0, 20, (36, 48, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(place / split / "images" / f"{split}{number}.png")
            Image.fromarray(labels.astype(np.uint8)).save(place / split / "labels" / f"{split}{number}.png")
    return place


def train(*words, **options):
    command = [sys.executable, "-m", "pixelwise.train", "camvid", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def refusal(*words):
    """What is said when something is refused: one line."""
    done = train(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("pixelwise.train: ")
    return line


@pytest.fixture(scope="module")
def ended(made, tmp_path_factory):
    """A run of two steps, and what it printed."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = train("--data", made, "--out", out, *SHORT)
    assert done.returncode == 0, done.stderr
    return out, done


def test_a_run_says_what_it_does_and_where_the_results_are(ended):
    out, done = ended
    assert done.stderr == ""
    assert "Training unet for 2 steps of 4 images." in done.stdout
    assert re.search(r"^test: mIoU 0\.\d{3}, pixel accuracy 0\.\d{3}$", done.stdout, re.MULTILINE)
    assert str(out / "result.json") in done.stdout and str(out / "pictures.html") in done.stdout


def test_the_result_holds_every_score_and_what_is_needed_to_repeat_the_run(ended, made):
    out, _ = ended
    text = (out / "result.json").read_text()
    result = json.loads(text)
    for split in ("val", "test"):
        scores = result["scores"][split]
        assert scores["images"] == IMAGES[split] and scores["label_size"] == "48x36"
        assert list(scores["iou"]) == list(scores["boundary_iou"]) == list(CLASSES)
        assert scores["mean_iou"] == pytest.approx(np.mean(list(scores["iou"].values())), abs=1e-3)
        assert 0 < scores["pixel_accuracy"] < 1 and scores["mean_boundary_iou"] > 0
    assert result["protocol"]["steps"] == 2 and result["protocol"]["epochs"] == 1.6  # 8 images of 5
    assert result["protocol"]["size"] == [24, 32] and result["protocol"]["seed"] == 0
    assert result["network"]["parameters"] > 0 and result["network"]["macs"] > 0
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", result["commit"])
    assert result["versions"]["torch"] == torch.__version__
    assert result["minutes"] >= 0 and result["peak_memory_mb"]["process"] > 100
    assert result["command"].startswith("python -m pixelwise.train camvid --data DATA --out OUT --width 4")
    assert str(made) not in text and str(out) not in text


def test_the_page_of_pictures_needs_no_other_file(ended):
    page = (ended[0] / "pictures.html").read_text()
    assert page.count("<img ") == page.count('src="data:image/') == page.count(" alt=") == 3 * IMAGES["test"]
    assert "http" not in page and "<link" not in page and "<script" not in page
    assert all(name in page for name in (*CLASSES, "void", "test0.png"))


def test_the_same_command_scores_a_run_that_had_ended_again(ended, made):
    out, _ = ended
    before = json.loads((out / "result.json").read_text())
    (out / "result.json").unlink()
    assert train("--data", made, "--out", out, *SHORT).returncode == 0
    after = json.loads((out / "result.json").read_text())
    assert after["scores"] == before["scores"] and after["minutes"] == before["minutes"]


@pytest.mark.parametrize("name", ["result.json", "pictures.html"])
def test_a_run_that_cannot_finish_a_file_leaves_the_old_one(ended, made, tmp_path, name):
    out = shutil.copytree(ended[0], tmp_path / "out")
    before = (out / name).read_bytes()
    names = sorted(path.name for path in out.iterdir())
    # The kernel lets no file grow beyond this, so the write ends in the middle, as on a full disk.
    done = train("--data", made, "--out", out, *SHORT, preexec_fn=partial(no_file_above, len(before) // 2))
    assert done.returncode != 0
    assert (out / name).read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == names


def no_file_above(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write, in place of the process's end
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_another_folder_gives_the_same_scores_and_another_seed_others(ended, made, tmp_path):
    before = json.loads((ended[0] / "result.json").read_text())["scores"]
    for seed, name in ((0, "same"), (1, "other")):
        assert train("--data", made, "--out", tmp_path / name, *SHORT, "--seed", seed).returncode == 0
    assert json.loads((tmp_path / "same" / "result.json").read_text())["scores"] == before
    assert json.loads((tmp_path / "other" / "result.json").read_text())["scores"] != before


def test_minutes_become_steps_that_were_timed_here(made, tmp_path):
    words = ("--data", made, "--out", tmp_path, "--width", "2", "--size", "16x12", "--minutes", "0.005")
    assert train(*words, "--loss", "cross-entropy+dice", "--class-weights", "sqrt").returncode == 0
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["steps"] >= 1 and plan["protocol"]["minutes"] == 0.005
    assert json.loads((tmp_path / "result.json").read_text())["protocol"]["steps"] == plan["steps"]


def test_a_run_that_is_interrupted_says_how_to_go_on(made, tmp_path):
    words = ("--data", made, "--out", tmp_path, "--width", "2", "--size", "16x12", "--epochs", "100000")
    command = [sys.executable, "-m", "pixelwise.train", "camvid", *map(str, words)]
    # Whoever starts the tests in the background of a shell has them ignore SIGINT, and their children with them.
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listening)
    try:
        assert run.stdout.readline().startswith("Training unet")
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    assert said.strip() == "Stopped. The same command continues from the last checkpoint."


def test_another_option_for_a_folder_that_holds_a_run_is_refused(ended, made):
    line = refusal("--data", made, "--out", ended[0], *SHORT, "--learning-rate", "0.1")
    assert str(ended[0]) in line and "learning_rate 0.003, not 0.1" in line and "--out" in line


def test_missing_data_is_said_with_what_to_put_where(tmp_path):
    line = refusal("--data", tmp_path / "nothing", "--out", tmp_path / "out")
    assert str(tmp_path / "nothing") in line and "train, val and test" in line
    assert not (tmp_path / "out").exists()


def test_a_wrong_file_is_named_before_anything_is_trained(made, tmp_path):
    shutil.copytree(made, tmp_path / "data")
    Image.new("L", (48, 36), 77).save(tmp_path / "data" / "test" / "labels" / "test1.png")
    line = refusal("--data", tmp_path / "data", "--out", tmp_path / "out", *SHORT)
    assert str(tmp_path / "data" / "test" / "labels" / "test1.png") in line and "label 77" in line


def test_a_width_for_a_network_that_has_none_is_refused(made, tmp_path):
    line = refusal("--data", made, "--out", tmp_path / "out", "--network", "segnet", "--width", "8")
    assert "segnet" in line and "U-Net" in line


def test_a_run_that_diverges_ends_with_one_sentence(made, tmp_path):
    done = train("--data", made, "--out", tmp_path, *SHORT, "--epochs", "200", "--learning-rate", "1e30")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert (
        line.startswith("pixelwise.train: The loss is ") and "at step " in line and "try a learning rate below" in line
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (("--size", "240"), "no size: write width x height, such as 240x180"),
        (("--minutes", "0"), "no number above 0"),
        (("--minutes", "5", "--epochs", "2"), "not allowed with"),
        (("--network", "alexnet"), "unet"),
        (("--batch", "0"), "at least 1"),
    ],
)
def test_options_that_mean_nothing_are_refused(words, said, tmp_path):
    done = train("--data", tmp_path, *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_help_says_what_is_scored_and_what_is_written():
    done = train("--help")
    assert done.returncode == 0
    for word in ("--data", "--minutes", "480x360", "result.json", "pictures.html", "Nothing is chosen on"):
        assert word in done.stdout
