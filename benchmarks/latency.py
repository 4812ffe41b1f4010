"""How long a student waits for ``check()``: from sending the cell until the kernel is idle, the display included."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

from jupyter_client.manager import start_new_kernel

from autograder.authoring import sample_class
from autograder.course.assignment import Assignment


@dataclass(frozen=True)
class Wait:
    """The first wait for one exercise's check, and the median and 95th percentile of those after it, in seconds."""

    first: float
    median: float
    worst: float
    repeats: int


def waits(assignment: Assignment, repeats: int) -> dict[str, Wait]:
    """Check every exercise ``repeats`` times, in turn, in a kernel that holds the reference solutions."""
    reference = sample_class.reference_sources(assignment)
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(assignment.release))
    try:
        for cell in assignment.released_notebook.cells:
            about = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and not cell.source.startswith("check("):
                _run(client, reference.get(about.get("grade_id", ""), cell.source))
        taken: dict[str, list[float]] = {exercise: [] for exercise in assignment.exercises}
        for _ in range(repeats + 1):
            for exercise, seconds in taken.items():
                started = time.perf_counter()
                _run(client, f'check("{exercise}")')
                seconds.append(time.perf_counter() - started)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return {exercise: _wait(seconds) for exercise, seconds in taken.items()}


def _run(client: Any, source: str) -> None:
    reply = client.execute_interactive(source, output_hook=lambda message: None, timeout=120)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"the kernel failed at {source!r}: {reply['content'].get('evalue')}")


def _wait(seconds: list[float]) -> Wait:
    first, *later = seconds
    rank = min(len(later) - 1, round(0.95 * len(later)))
    return Wait(first, statistics.median(later), sorted(later)[rank], len(later))
