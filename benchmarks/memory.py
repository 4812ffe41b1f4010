"""What memory a run holds, worker by worker, while it grades very many submissions.

A thread beside the run looks at its processes once a second. A worker's memory is its resident set; a jail's is the sum
of its processes' proportional sets, so that what a sandbox shares with its zygote counts once.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK = 1.0  # seconds between two looks
MB = 1 << 20


@dataclass(frozen=True)
class Memory:
    """One run's memory in MB: the largest of any one process of a kind, and its median in each quarter of the run."""

    submissions: int
    seconds: float
    peak: dict[str, float]
    quarters: dict[str, list[float]]

    @property
    def growth(self) -> dict[str, float]:
        """For each kind the last quarter's median over the second's; the first holds the start."""
        return {kind: q[3] / q[1] for kind, q in self.quarters.items() if len(q) == 4 and q[1]}


def watch(command: Sequence[str], folder: Path, submissions: int) -> Memory:
    """Run a grading command and watch its memory. Raises `RuntimeError` when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: list[tuple[float, dict[str, list[float]]]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK):
            seen.append((time.monotonic() - started, _holdings(process.pid)))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    seconds = time.monotonic() - started
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    peak: dict[str, float] = defaultdict(float)
    by_quarter: dict[str, list[list[float]]] = defaultdict(lambda: [[], [], [], []])
    for when, held in seen:
        for kind, amounts in held.items():
            peak[kind] = max(peak[kind], *amounts)
            by_quarter[kind][min(3, int(4 * when / seconds))] += amounts
    quarters = {
        kind: [round(statistics.median(q), 1) if q else 0.0 for q in found] for kind, found in by_quarter.items()
    }
    return Memory(submissions, seconds, dict(peak), quarters)


def _holdings(root: int) -> dict[str, list[float]]:
    """The memory of each process of interest below ``root``, by kind, in MB."""
    held: dict[str, list[float]] = defaultdict(list)
    with contextlib.suppress(psutil.NoSuchProcess):
        grader = psutil.Process(root)
        held["main process"].append(_resident(grader))
        for child in grader.children():
            words = " ".join(child.cmdline())
            if "bwrap" in words:
                held["jail"].append(sum(map(_proportional, (child, *child.children(recursive=True)))))
            elif "multiprocessing.forkserver" in words:
                held["worker"] += map(_resident, child.children())
            elif "multiprocessing.spawn" in words:
                held["recorder"].append(_resident(child))
    return {kind: found for kind, amounts in held.items() if (found := [a for a in amounts if a])}


def _resident(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss / MB
    return 0.0


def _proportional(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss / MB
    return 0.0
