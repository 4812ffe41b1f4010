"""Times a few operators on the course's device, and measures what number formats and the order of sums do to results.

    python -P -m pixelwise.devices.operators OUT.json

A time is the median of several runs after two that do not count, with the device waited for before each look at the
clock. Errors are distances to the same computation in float64 on the CPU. Each list grows along one size, and ends
early where a run takes too long; whatever fails is named and the rest goes on.
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import pixelwise
from pixelwise import files, zoo

RUNS, WARM_UP = 7, 2
LONGEST = 0.5  # seconds of one run; no larger size is tried after it
SIZES = (8, 16, 32, 64, 128, 256, 512)
BATCH, CHANNELS = 4, 32
UNET = {"classes": 10, "width": 16, "normalise": True, "dropout": 0.0}
UNET_SIZES = (16, 32, 64, 128, 256, 512)
TERMS = 1_000_000  # of the sums
SIDE = 1024  # of the matrices that are multiplied in several formats


def conv_by_windows(x: Tensor, w: Tensor) -> Tensor:
    """Return the 3×3 convolution with padding 1 of x (N, C, H, W) by w (D, C, 3, 3): one product with all windows."""
    n, _, height, width = x.shape
    windows = F.unfold(x, 3, padding=1)  # (N, 9C, HW)
    return (w.flatten(1) @ windows).view(n, -1, height, width)


def transposed_by_windows(x: Tensor, w: Tensor) -> Tensor:
    """Return the transposed convolution with k = 4, s = 2, p = 1 of x (N, C, H, W) by w (C, D, 4, 4)."""
    height, width = x.shape[2:]
    columns = w.flatten(1).T @ x.flatten(2)  # (N, 16D, HW): what every input adds, at each of 16 places
    return F.fold(columns, (2 * height, 2 * width), 4, stride=2, padding=1)


WAYS: dict[str, dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "convolution": {
        "F.conv2d": lambda x, w: F.conv2d(x, w, padding=1),
        "by windows": conv_by_windows,
    },
    "transposed convolution": {
        "F.conv_transpose2d": lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1),
        "by windows": transposed_by_windows,
    },
}


def measured(device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield the rows of the record, one after the other as they are measured.

    Every row has a "kind": "time" (with "operator", "way", "size" and "seconds"), "format" (with "operator", "format",
    "seconds" and "error", relative to the norm of the result), "sum" (with "order" and "error", relative to the sum) or
    "again" (with "operator" and "different", how many of the repeated runs gave other bits than the first). A row that
    could not be measured has "failed", the error, instead of its numbers.
    """
    yield from _grown(device)
    yield from _formats(device)
    yield from _sums(device)
    yield from _again(device)


def _grown(device: torch.device) -> Iterator[dict[str, Any]]:
    for operator, ways in WAYS.items():
        w = _drawn(CHANNELS, CHANNELS, *((3, 3) if operator == "convolution" else (4, 4))).to(device) / 17
        for way, compute in ways.items():
            row = {"kind": "time", "operator": operator, "way": way}
            yield from _sizes(row, SIZES, lambda n, w=w, f=compute: _call(f, _drawn(BATCH, CHANNELS, n, n), w))
    torch.manual_seed(0)
    network = zoo.build("unet", **UNET).to(device)
    row = {"kind": "time", "operator": "U-Net", "way": "both passes"}
    yield from _sizes(row, UNET_SIZES, lambda n: _step(network, _drawn(BATCH, 3, n, n).to(device)))


def _call(compute: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor) -> Callable[[], Any]:
    x = x.to(w.device)
    return lambda: compute(x, w)


def _step(network: torch.nn.Module, x: Tensor) -> Callable[[], Any]:
    labels = torch.zeros(BATCH, *x.shape[2:], dtype=torch.long, device=x.device)

    def step() -> None:
        network.zero_grad()
        F.cross_entropy(network(x), labels).backward()

    return step


def _sizes(
    row: dict[str, Any], sizes: tuple[int, ...], make: Callable[[int], Callable[[], Any]]
) -> Iterator[dict[str, Any]]:
    for size in sizes:
        found = row | {"size": size} | _tried(lambda size=size: {"seconds": seconds(make(size))})
        yield found
        if "failed" in found or found["seconds"] > LONGEST:
            return


def _formats(device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield time and error of a convolution and of a matrix product in the formats that the device computes in."""
    x, w = _drawn(BATCH, CHANNELS, 64, 64), _drawn(CHANNELS, CHANNELS, 3, 3)
    a, b = _drawn(SIDE, SIDE), _drawn(SIDE, SIDE)
    computed: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor]] = {
        "3×3 convolution": (WAYS["convolution"]["F.conv2d"], x, w),
        "matrix product": (torch.matmul, a, b),
    }
    formats = {"float64": torch.float64, "float32": torch.float32}
    formats |= {"TF32": torch.float32} if device.type == "cuda" else {}
    formats |= {"bfloat16": torch.bfloat16}
    for operator, (compute, left, right) in computed.items():
        exact = compute(left.double(), right.double())
        for name, dtype in formats.items():

            def measure(f: Any = compute, p: Tensor = left, q: Tensor = right, to: Any = dtype, exact: Tensor = exact):  # noqa: ANN202
                p, q = p.to(device, to), q.to(device, to)
                distance = f(p, q).cpu().double() - exact
                return {"seconds": seconds(lambda: f(p, q)), "error": float(distance.norm() / exact.norm())}

            with tensor_float(name == "TF32"):
                yield {"kind": "format", "operator": operator, "format": name} | _tried(measure)


def _sums(device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield how far the float32 sum of a million random numbers is from the exact one, in several orders."""
    x = _drawn(TERMS) + 1
    exact, here = x.double().sum(), x.to(device)
    side = int(TERMS**0.5)
    orders: dict[str, Callable[[], Tensor]] = {
        "x.sum()": lambda: here.sum(),
        "x.flip(0).sum()": lambda: here.flip(0).sum(),
        "rows, then their sums": lambda: here.view(side, side).sum(1).sum(),
        "columns, then their sums": lambda: here.view(side, side).sum(0).sum(),
        "x.cumsum(0)[-1]": lambda: here.cumsum(0)[-1],
    }
    for order, compute in orders.items():

        def measure(f: Callable[[], Tensor] = compute) -> dict[str, Any]:
            return {"error": float((f().cpu().double() - exact) / exact)}

        yield {"kind": "sum", "order": order} | _tried(measure)


def _again(device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield how often an operator gives other bits when it is run again on the same numbers."""
    x, w = _drawn(BATCH, CHANNELS, 64, 64).to(device), _drawn(CHANNELS, CHANNELS, 3, 3).to(device).requires_grad_()
    index = torch.randint(0, 100, (100_000,), generator=torch.Generator().manual_seed(1)).to(device)
    values, upstream = _drawn(100_000).to(device), _drawn(BATCH, CHANNELS, 256, 256).to(device)
    coarse = x.clone().requires_grad_()

    def weight_gradient() -> Tensor:
        return torch.autograd.grad(F.conv2d(x, w, padding=1).square().sum(), w)[0]

    def upsampled() -> Tensor:
        made = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
        return torch.autograd.grad(made, coarse, upstream)[0]

    operators: dict[str, Callable[[], Tensor]] = {
        "F.conv2d": lambda: F.conv2d(x, w, padding=1).detach(),
        "F.conv2d, gradient of the weights": weight_gradient,
        "bilinear interpolation, gradient of the input": upsampled,
        "index_add_, 1,000 terms a sum": lambda: torch.zeros(100, device=device).index_add_(0, index, values),
    }
    for operator, compute in operators.items():

        def measure(f: Callable[[], Tensor] = compute) -> dict[str, Any]:
            first, others = f(), [f() for _ in range(RUNS)]
            return {"different": sum(not torch.equal(first, each) for each in others), "runs": RUNS}

        yield {"kind": "again", "operator": operator} | _tried(measure)


def _tried(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return measure()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]}


def seconds(compute: Callable[[], Any]) -> float:
    """Return the median seconds of seven runs of `compute` after two others; one that takes too long is the last."""
    took: list[float] = []
    for number in range(WARM_UP + RUNS):
        synchronise()
        clock = time.perf_counter()
        compute()
        synchronise()
        last = time.perf_counter() - clock
        if number >= WARM_UP or last > LONGEST:
            took.append(last)
        if took and last > LONGEST:
            break
    return statistics.median(took)


def synchronise() -> None:
    """Wait until a GPU, where there is one, has done what it was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def tensor_float(allowed: bool) -> Iterator[None]:
    """Let a GPU round the factors of products in float32 to TF32, or forbid it, and restore what was set before."""
    places = (torch.backends.cudnn, torch.backends.cuda.matmul)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer releases have another name for it, and keep this one
        before = [place.allow_tf32 for place in places]
        for place in places:
            place.allow_tf32 = allowed
        try:
            yield
        finally:
            for place, was in zip(places, before, strict=True):
                place.allow_tf32 = was


def _drawn(*shape: int) -> Tensor:
    """Return normally distributed numbers of this shape on the CPU, the same at each call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def main(out: Path) -> None:
    """Measure on the course's device and keep in `out` what came of it, written anew after every row."""
    clock, rows = time.perf_counter(), []
    for row in measured(pixelwise.device()):
        rows.append(row)
        took = round(time.perf_counter() - clock, 2)
        files.write_whole(out, json.dumps({"seconds": took, "threads": torch.get_num_threads(), "rows": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
