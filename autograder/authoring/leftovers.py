"""Looks for what a run of the grader left behind: processes, mounts, namespaces, descriptors, shared memory, files."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from autograder.authoring.attacks import MARK

PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37
SETTLING = 5.0  # seconds that the kernel may take to end what was killed


@dataclass(frozen=True)
class Traces:
    """What there is of a machine's things that a run could leave behind."""

    processes: dict[int, str] = field(default_factory=dict)
    mounts: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    descriptors: frozenset[str] = frozenset()
    shared_memory: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


def traces(places: Sequence[Path]) -> Traces:
    """The traces of this process and all below it; of files, those of ``places`` that carry the attacks' `MARK`."""
    below = descendants(os.getpid())
    namespaces, descriptors = set(), set()
    for pid in (os.getpid(), *below):
        with contextlib.suppress(OSError):
            namespaces |= {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/ns")}
    for entry in list(os.scandir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            link = os.readlink(entry.path)
            if link.startswith(("socket:", "net:", "pid:", "user:", "mnt:", "anon_inode:[pidfd]")):
                descriptors.add(f"{entry.name} {link}")
    mounts = {line.split(" - ")[0].split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    shared = set()
    with contextlib.suppress(OSError):
        shared = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    files = set()
    for place in places:
        with contextlib.suppress(OSError):
            files |= {entry.path for entry in os.scandir(place) if MARK in entry.name}
    return Traces(below, *map(frozenset, (mounts, namespaces, descriptors, shared, files)))


def leftovers(before: Traces, after: Traces) -> list[str]:
    """What is there ``after`` and was not ``before``, a sentence each."""
    found = [f"process {pid} is left: {line}" for pid, line in after.processes.items() if pid not in before.processes]
    for kind in ("mounts", "namespaces", "descriptors", "shared_memory", "files"):
        new = getattr(after, kind) - getattr(before, kind)
        found += [f"{kind.replace('_', ' ')}: {each} is left" for each in sorted(new)]
    return found


@contextlib.contextmanager
def watch(place: Path) -> Iterator[list[str]]:
    """Collects in a list, on leaving, what the enclosed run left behind.

    Meanwhile orphans below this process become its children, wherever they try to hide, and temporary files of the
    workers go to an empty folder in ``place``.
    """
    left: list[str] = []
    scratch = place / "tmp"
    scratch.mkdir()
    places = [
        Path.cwd(), Path.home(), Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path(sys.prefix),
        Path(sys.prefix) / "bin", *map(Path, (each for each in sys.path if each)), *_folders(place),
    ]  # fmt: skip
    files = _files(place)
    libc = ctypes.CDLL(None, use_errno=True)
    was = ctypes.c_int()
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(was), 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, variable = traces(places), os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(scratch)
    try:
        yield left
    finally:
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        deadline = time.monotonic() + SETTLING
        while (found := leftovers(before, traces(places))) and time.monotonic() < deadline:
            time.sleep(0.1)
        libc.prctl(PR_SET_CHILD_SUBREAPER, was.value, 0, 0, 0)
        new = sorted(_files(place) - files)
        left += found + [f"files: {path} is left" for path in new]


def _folders(place: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(place / "course")]


def _files(place: Path) -> set[str]:
    """Every file of the copied course and of the workers' temporary folder."""
    return {
        os.path.join(folder, name)
        for part in ("course", "tmp")
        for folder, _, names in os.walk(place / part)
        for name in names
        if not name.endswith(".pyc")
    }


def descendants(root: int) -> dict[int, str]:
    """The living processes below ``root`` with their command lines."""
    found: dict[int, str] = {}
    for process in psutil.Process(root).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            # The last is Python's own, one a process that ever started workers; it ends with this one.
            if process.status() != psutil.STATUS_ZOMBIE and "multiprocessing.resource_tracker" not in line:
                found[process.pid] = line[:200]
    return found
