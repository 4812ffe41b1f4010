"""Measured receptive fields: how strongly each pixel moves the centre unit of untrained networks.

    python -m pixelwise.explorers

measures the zoo anew and writes `receptive_field_measured.json`, which the receptive-field explorer shows; a test
measures some of it again. It takes minutes, so pages read the file.
"""

import base64
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixelwise import zoo
from pixelwise.tracing import Row, Trace

FILE = Path(__file__).with_name("receptive_field_measured.json")
INITIALISATIONS = 4
CELLS = 32  # a field is kept as at most so many cells a side


def squared_gradients(
    build: Callable[[], nn.Module], input_shape: tuple[int, int, int], modules: Iterable[str], seeds: Iterable[int]
) -> dict[str, Tensor]:
    """Return for each of `modules` the mean squared gradient of its centre unit, a float64 tensor (H, W) of the input.

    `build` makes the network anew for each of `seeds`. The unit is (H' // 2, W' // 2) of the module's output
    (N, C, H', W'), its channels mixed by independent normal numbers; squares are summed over the input's channels. The
    image is normal noise, and batch normalisation has the statistics of that image.

    Source: Luo, Li, Urtasun and Zemel, Understanding the effective receptive field in deep convolutional neural
    networks, 2016, who measure the gradient itself.
    """
    modules, seeds = list(modules), list(seeds)
    sums = {name: torch.zeros(input_shape[1:], dtype=torch.float64) for name in modules}
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build().eval().requires_grad_(False)
        x = torch.randn(1, *input_shape, generator=generator)
        _take_statistics(network, x)
        outputs = _outputs(network, x.requires_grad_(), modules)
        for name, y in outputs.items():
            mix = torch.zeros_like(y)
            mix[0, :, y.shape[2] // 2, y.shape[3] // 2] = torch.randn(y.shape[1], generator=generator)
            (gradient,) = torch.autograd.grad(y, x, mix, retain_graph=True)
            sums[name] += gradient[0].double().square().sum(0)
    return {name: total / len(seeds) for name, total in sums.items()}


def central_side(contributions: Tensor, first: tuple[int, int], size: int, share: float) -> int:
    """Return the side of the smallest square, centred in a field, that holds `share` of all contributions (H, W).

    The field begins at the pixel `first` (row, column), which may lie outside, and has `size` pixels a side; so the
    answer is even where `size` is.
    """
    needed = share * contributions.sum().item() * (1 - 1e-9)
    for side in range(2 - size % 2, size, 2):
        top, left = (start + (size - side) // 2 for start in first)
        part = contributions[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        if part.sum().item() >= needed:
            return side
    return size


def summary(contributions: Tensor, first: int, size: int) -> dict[str, Any]:
    """Return what the view shows of contributions (H, W) to a unit whose field begins at pixel `first` of both axes.

    `half` and `most` are the sides of the central squares with 50% and 95% of them; `cells` the field's part inside
    the image as bytes (base64) of the root of each cell's mean, 255 for the largest, `across` cells a side of `step`
    pixels, beginning at pixel `start`.
    """
    start, end = max(first, 0), min(first + size, len(contributions))
    step = max(1, math.ceil((end - start) / CELLS))
    across = math.ceil((end - start) / step)
    field = torch.zeros(across * step, across * step, dtype=torch.float64)
    field[: end - start, : end - start] = contributions[start:end, start:end]
    means = field.reshape(across, step, across, step).mean(dim=(1, 3))
    tones = (255 * (means / means.max().clamp(min=1e-300)).sqrt()).round().to(torch.uint8)
    return {
        "half": central_side(contributions, (first, first), size, 0.5),
        "most": central_side(contributions, (first, first), size, 0.95),
        "start": start,
        "step": step,
        "across": across,
        "cells": base64.b64encode(bytes(tones.flatten().tolist())).decode(),
    }


def maps(model: zoo.Model) -> list[Row]:
    """Return the rows of a network's maps with a receptive field in order of execution, blocks as one row each.

    There are none where no window describes what the network's last map sees.
    """
    trace = model.trace()
    if trace.receptive_field is None:
        return []
    finished = {row.name: place for place, row in enumerate(trace.rows)}
    rows: list[Row] = []
    for name, module in _network(model).named_modules():
        inside = [child for child, _ in module.named_children()]
        whole = bool(name) and name.count(".") <= 1 and not (name.count(".") == 0 and inside and _is_stage(module))
        row = _row(trace, name) if whole else None
        if row is None or row.receptive_field is None or len(row.output_shape) != 3 or min(row.output_shape[1:]) < 2:
            continue
        if row.in_place and not inside:
            continue
        if not any(name.startswith(f"{other.name}.") for other in rows):
            rows.append(row)

    def place(row: Row) -> int:
        return max(at for name, at in finished.items() if f"{name}.".startswith(f"{row.name}."))

    return sorted(rows, key=place)


def stages(rows: list[Row]) -> list[Row]:
    """Return the last row of each size of map."""
    last = {row.output_shape[1:]: row for row in rows}
    return [row for row in rows if last[row.output_shape[1:]] is row]


def measure(name: str, seeds: Iterable[int] = range(INITIALISATIONS)) -> dict[str, dict[str, Any]]:
    """Return the `summary` of the centre unit's measured field for each stage of a network of the zoo, by row."""
    model = zoo.MODELS[name]
    rows = stages(maps(model))
    gradients = squared_gradients(model.build, model.input_shape, [row.name for row in rows], seeds)
    found = {}
    for row in rows:
        field = row.receptive_field
        first, _ = field.interval(row.output_shape[1] // 2, axis=0)
        found[row.name] = summary(gradients[row.name], first, field.size[0])
    return found


def _outputs(network: nn.Module, x: Tensor, modules: list[str]) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, made: outputs.update({name: made})

    handles = [network.get_submodule(name).register_forward_hook(keep(name)) for name in modules]
    network(x)
    for handle in handles:
        handle.remove()
    return outputs


def _take_statistics(network: nn.Module, x: Tensor) -> None:
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        with torch.no_grad():
            network(x)
    network.eval()


def _network(model: zoo.Model) -> nn.Module:
    with torch.device("meta"):
        return model.build()


def _is_stage(module: nn.Module) -> bool:
    # A sequence of blocks, as against a block or a layer with its normalisation.
    return isinstance(module, nn.Sequential) and any(list(child.children()) for child in module)


def _row(trace: Trace, name: str) -> Row | None:
    try:
        return trace.row(name)
    except ValueError:
        return None
