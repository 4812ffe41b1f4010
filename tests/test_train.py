"""The training loop that chapters share: what is learned, in which order, and what happens when a run is stopped."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from pixelwise.data import VOID
from pixelwise.metrics import confusion
from pixelwise.train import Diverged, error, evaluate, fast_precision, fit, one_cycle, predict, rate_factor


@pytest.fixture
def task():
    """Two classes of 40 points each, apart along the first of three axes."""
    labels = torch.arange(80) % 2
    points = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
    points[:, 0] += 6 * (labels - 0.5)
    return points, labels


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_a_separable_task_is_learned(task):
    network = linear()
    losses = fit(network, *task, steps=60)
    assert len(losses) == 60
    assert losses[-1] < losses[0]
    assert error(network, *task) <= 0.05


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(task):
    runs = [fit(linear(), *task, steps=5, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_what_requires_no_gradient_stays_as_it_is(task):
    frozen, head = nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2)
    before = [weights.clone() for weights in (frozen.weight, frozen.bias, head.weight)]
    fit(nn.Sequential(frozen, head), *task, steps=3)
    assert torch.equal(frozen.weight, before[0]) and torch.equal(frozen.bias, before[1])
    assert not torch.equal(head.weight, before[2])


def test_every_image_is_seen_once_before_any_is_seen_twice(task):
    points, labels = task
    seen = []

    class Watching(nn.Linear):
        def forward(self, x):
            seen.extend(x[:, 0].tolist())
            return super().forward(x)

    fit(Watching(3, 2), points, labels, steps=4, batch=20)
    assert sorted(seen) == sorted(points[:, 0].tolist())


def test_fewer_images_than_a_batch_are_all_used_at_every_step(task):
    points, labels = task
    sizes = []

    class Watching(nn.Linear):
        def forward(self, x):
            sizes.append(len(x))
            return super().forward(x)

    fit(Watching(3, 2), points[:6], labels[:6], steps=3, batch=32)
    assert sizes == [6, 6, 6]


def test_the_rate_rises_then_falls_twice_by_ten():
    factors = [rate_factor(step, 100) for step in range(100)]
    assert factors[:10] == sorted(factors[:10]) and 0 < factors[0] < factors[9] < 1
    assert set(factors[10:60]) == {1.0} and set(factors[60:85]) == {0.1} and set(factors[85:]) == {0.01}


def test_the_error_is_counted_in_evaluation_mode_and_leaves_the_mode_alone():
    network = nn.Sequential(nn.Dropout(0.9), nn.Identity())
    logits, labels = torch.eye(4), torch.tensor([0, 1, 2, 0])
    assert error(network.train(), logits, labels) == 0.25
    assert network.training


@pytest.mark.parametrize("images, labels", [(3, 2), (0, 0)])
def test_images_and_labels_that_do_not_match_are_refused(images, labels):
    with pytest.raises(ValueError, match="one label per image"):
        fit(linear(), torch.zeros(images, 3), torch.zeros(labels, dtype=torch.long), steps=1)


# --- label maps


@pytest.fixture
def maps():
    """Twelve images of 6×8 with a label for each pixel: whether its first colour is the largest."""
    images = torch.rand(12, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return images, (images.argmax(dim=1) == 0).long()


def pixelwise_linear(seed=0):
    torch.manual_seed(seed)
    return nn.Conv2d(3, 2, 1)


def test_label_maps_are_learned(maps):
    network = pixelwise_linear()
    fit(network, *maps, steps=300, batch=4, recipe="adamw", learning_rate=0.1)
    counts = evaluate(network, maps, classes=2)
    assert counts.sum() == maps[1].numel()
    assert counts.diagonal().sum() > 0.9 * counts.sum()


def test_void_pixels_are_not_learned_from(maps):
    images, labels = maps
    results = []
    for hidden in (0, 1):
        network = pixelwise_linear()
        spoiled = images.clone()
        spoiled[:, :, :3] = hidden
        truth = labels.clone()
        truth[:, :3] = VOID
        results.append((fit(network, spoiled, truth, steps=5, batch=4), network.weight.detach().clone()))
    assert results[0][0] == results[1][0] and torch.equal(results[0][1], results[1][1])


def test_255_is_an_ordinary_class_where_images_have_one_label():
    torch.manual_seed(0)
    losses = fit(nn.Linear(3, 256), torch.randn(4, 3), torch.full((4,), 255), steps=40)
    assert losses[-1] < losses[0]


def test_a_data_set_of_pairs_is_trained_on_as_its_tensors_are(maps):
    from_tensors, from_pairs = pixelwise_linear(), pixelwise_linear()
    assert fit(from_tensors, *maps, steps=6, batch=4) == fit(from_pairs, TensorDataset(*maps), None, steps=6, batch=4)
    assert torch.equal(from_tensors.weight, from_pairs.weight)


def test_each_pair_is_augmented_anew_and_the_same_way_for_the_same_seed(maps):
    def run(seed):
        drawn = []

        def augment(image, labels, generator):
            drawn.append(torch.rand((), generator=generator).item())
            return image, labels

        fit(pixelwise_linear(), *maps, steps=3, batch=4, seed=seed, augment=augment)
        return drawn

    assert len(set(run(0))) == 12
    assert run(0) == run(0) != run(1)


def test_what_is_augmented_is_what_the_network_sees(maps):
    images, labels = maps
    network = pixelwise_linear()
    seen = []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    fit(network, images, labels, steps=1, batch=2, augment=lambda image, labels, _: (image[:, :4, :5], labels[:4, :5]))
    assert seen[0].shape == (2, 3, 4, 5)


def test_the_loss_given_is_the_one_that_falls(maps):
    network = pixelwise_linear()
    losses = fit(network, *maps, steps=100, loss=lambda logits, _: (logits - 7).square().mean())
    assert losses[0] > 30 > 1 > losses[-1]
    assert network(maps[0]).mean().item() == pytest.approx(7, abs=1)


def test_one_cycle_rises_to_1_over_a_tenth_and_falls_towards_0():
    factors = [one_cycle(step, 100) for step in range(100)]
    assert factors[:11] == sorted(factors[:11]) and factors[10] == max(factors) == 1
    assert factors[10:] == sorted(factors[10:], reverse=True) and 0 < factors[-1] < 0.001


def test_an_unknown_recipe_is_refused(task):
    with pytest.raises(ValueError, match=r"no recipe 'adam'.*sgd, adamw"):
        fit(linear(), *task, steps=1, recipe="adam")


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_learns_what_float32_learns(maps, precision):
    network, inside = pixelwise_linear(), []
    network.register_forward_hook(lambda *given: inside.append(given[2].dtype))
    losses = fit(network, *maps, steps=200, batch=4, recipe="adamw", learning_rate=0.1, precision=precision)
    assert set(inside) == {precision} and network.weight.dtype == torch.float32
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "capabilities, fast", [({"amx_bf16": True}, torch.bfloat16), ({"amx_bf16": False}, None), ({}, None)]
)
def test_a_cpu_trains_in_bfloat16_where_it_has_tile_registers(monkeypatch, capabilities, fast):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert fast_precision(torch.device("cpu")) is fast


# --- a run that goes wrong


def test_a_loss_that_is_not_finite_ends_the_run_with_one_sentence(task):
    points, labels = task
    points[3] = float("nan")
    with pytest.raises(Diverged, match=r"loss is nan at step \d+: try a learning rate below 0.02, or look") as raised:
        fit(linear(), points, labels, steps=40, learning_rate=0.02)
    assert len(str(raised.value).splitlines()) == 1


def test_a_loss_that_stays_far_above_its_start_ends_the_run(task):
    def growing(logits, _, calls=[]):  # noqa: B006
        calls.append(1)
        return logits.mean() * 0 + len(calls)

    with pytest.raises(Diverged, match=r"at step \d+, and was near .* after a start at 5.5"):
        fit(linear(), *task, steps=1000, loss=growing)


def test_a_loss_that_is_large_for_a_while_does_not_end_the_run(task):
    def peaked(logits, _, calls=[]):  # noqa: B006
        calls.append(1)
        return logits.mean() * 0 + (100 if 50 < len(calls) < 90 else 1)

    assert len(fit(linear(), *task, steps=300, loss=peaked)) == 300


# --- scores


def test_logits_are_brought_to_the_size_of_the_labels_before_the_class_is_chosen(maps):
    images, _ = maps
    network = pixelwise_linear()
    labels = predict(network, images, (12, 16))
    assert labels.shape == (12, 12, 16)
    logits = nn.functional.interpolate(network(images), size=(12, 16), mode="bilinear")
    assert torch.equal(labels, logits.argmax(dim=1))


def test_a_data_set_is_evaluated_whole_in_any_batches_and_the_mode_is_left_alone(maps):
    images, labels = maps
    labels = labels.clone()
    labels[0, 0] = VOID
    network = nn.Sequential(nn.Dropout(0.9), pixelwise_linear()).train()
    whole = confusion(predict(network, images), labels, 2)
    assert whole.sum() == labels.numel() - 8
    assert torch.equal(evaluate(network, (images, labels), 2, batch=5), whole)
    assert torch.equal(evaluate(network, TensorDataset(images, labels), 2, batch=1), whole)
    assert network.training


# --- a run that is stopped

RUN = textwrap.dedent(
    """
    import sys, time
    import torch
    from torch import nn
    from pixelwise.train import fit

    checkpoint, slow = sys.argv[1], sys.argv[2] == "slow"
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(8, 4, 1)
    )
    images = torch.rand(10, 3, 8, 8)
    labels = torch.randint(0, 4, (10, 8, 8))
    done = 0

    def augment(image, labels, generator):
        global done
        done += 1
        if slow and done > 80:
            print("here", flush=True)
            time.sleep(0.05)
        return image + torch.rand(3, 1, 1, generator=generator), labels

    checkpoint = None if checkpoint == "none" else checkpoint
    options = dict(batch=4, recipe="adamw", learning_rate=0.01, precision=torch.bfloat16)
    losses = fit(network, images, labels, 60, augment=augment, checkpoint=checkpoint, save_every=0, **options)
    held = torch.cat([value.double().flatten() for value in network.state_dict().values()])
    print(done, [loss.hex() for loss in losses], [value.hex() for value in held.tolist()])
    """
)


def start(*words):
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, words)], stdout=subprocess.PIPE, text=True)


def test_a_run_that_was_killed_continues_and_ends_with_the_same_bits(tmp_path):
    undisturbed = start("none", "fast")
    killed = start(tmp_path / "run.pt", "slow")
    assert killed.stdout.readline() == "here\n"
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    continued = start(tmp_path / "run.pt", "fast")
    (expected, _), (found, _) = undisturbed.communicate(), continued.communicate()
    assert expected.split(maxsplit=1)[1] == found.split(maxsplit=1)[1]
    # Of 60 steps with 4 images each only those after the last checkpoint were made again.
    assert int(expected.split()[0]) == 240 and 140 <= int(found.split()[0]) <= 164


def test_a_run_that_ended_is_not_made_again(task, tmp_path):
    network = linear()
    losses = fit(network, *task, steps=5, checkpoint=tmp_path / "run.pt")
    again = linear(seed=1)
    assert fit(again, *task, steps=5, checkpoint=tmp_path / "run.pt") == losses
    assert torch.equal(again.weight, network.weight)


def test_a_checkpoint_of_other_arguments_is_refused(task, tmp_path):
    file = tmp_path / "run.pt"
    fit(linear(), *task, steps=5, checkpoint=file)
    with pytest.raises(ValueError, match="belongs to a run with seed 0, not 1: name another") as raised:
        fit(linear(), *task, steps=5, seed=1, checkpoint=file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("damage", [lambda held: held[: len(held) // 2], lambda held: b"", lambda held: b"words"])
def test_a_checkpoint_that_cannot_be_read_is_named(task, tmp_path, damage):
    file = tmp_path / "run.pt"
    fit(linear(), *task, steps=2, checkpoint=file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match="cannot be read as a checkpoint of a training run: remove it") as raised:
        fit(linear(), *task, steps=2, checkpoint=file)
    assert str(file) in str(raised.value) and len(str(raised.value).splitlines()) == 1


# --- progress

TRAINING = """
import torch
torch.manual_seed(0)
from pixelwise.train import fit
fit(torch.nn.Linear(2, 2), torch.rand(4, 2), torch.ones(4).long(), 50)
"""


def test_a_terminal_sees_one_line_that_is_removed_at_the_end():
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", TRAINING], stderr=theirs, check=True)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody has the other end any more
            while part := terminal.read(4096):
                seen += part
    seen = seen.decode()
    assert "training: " in seen and "of 50" in seen and "loss 0." in seen
    assert "\n" not in seen and seen.endswith("\r\x1b[K")


def test_nothing_is_written_where_no_terminal_reads():
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, check=True)
    assert done.stdout == done.stderr == b""
