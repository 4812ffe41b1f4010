"""What memory a run holds, worker by worker, while it grades very many submissions.

A thread beside the run looks at its processes once a second. A worker's memory is its resident set; a jail's is the sum
of its processes' proportional sets, so that what an inmate shares with its zygote counts once.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    held["main process"].append(_status(root))
    for child in _children(root):
        words = _words(child)
        if "bwrap" in words:
            held["jail"].append(sum(map(_proportional, _tree(child))))
        elif "multiprocessing.forkserver" in words:
            held["worker"] += map(_status, _children(child))
        elif "multiprocessing.spawn" in words:
            held["recorder"].append(_status(child))
    return {kind: found for kind, amounts in held.items() if (found := [a for a in amounts if a])}


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += [int(word) for word in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
    except OSError:
        pass
    return found


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _status(pid: int) -> float:
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:")


def _proportional(pid: int) -> float:
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _field(path: Path, name: str) -> float:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / MB for line in lines if line.startswith(name)), 0.0)
