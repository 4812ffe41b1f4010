"""The kernel's own view of a sandbox's process, from outside: what it holds and how long it worked.

Files of `/proc` are read as bytes: a process may give itself any name, also one that is no text.
"""

import contextlib
import functools
import os
import time
from pathlib import Path

SCRATCH = ("/tmp", "/dev/shm")  # where a sandbox may write
PIPE_BYTES = 64 << 10  # what a pipe holds that nobody has enlarged, and nobody in a sandbox can


def pid_of(pidfd: int) -> int:
    """The number of the process behind a pidfd. Raises `ProcessLookupError` when the kernel does not name it."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"the kernel does not name the process behind pidfd {pidfd}")


def threads(pid: int) -> int:
    """How many threads a process has."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def can_start_nothing(pid: int) -> bool:
    """Whether a process may have one thread and one process, itself, and may not raise that again; or has ended."""
    limits = _read(f"/proc/{pid}/limits")
    return not limits or b"Max processes             1                    1 " in limits


def resident(pid: int) -> int:
    """Bytes that one process holds, a page of memory shared by n processes counted as 1/n in each.

    Without the shares a process forked from a large one would be charged for all that it has not yet changed.
    """
    pages = _kilobytes(_read(f"/proc/{pid}/smaps_rollup"), (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:"))
    return pages + _kept_by_kernel(pid, _read(f"/proc/{pid}/status"))


def mapped(pid: int) -> int:
    """The same with every page counted in full, whoever else shares it: never less, and told much faster."""
    status = _read(f"/proc/{pid}/status")
    return _kilobytes(status, (b"RssAnon:", b"RssShmem:", b"VmSwap:")) + _kept_by_kernel(pid, status)


def _kept_by_kernel(pid: int, status: bytes) -> int:
    """Bytes that the kernel may hold for one process: page tables, and what its pipes and sockets can hold unread."""
    try:
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        descriptors = 0
    return _kilobytes(status, (b"VmPTE:",)) + descriptors * descriptor_bytes()


@functools.cache
def descriptor_bytes() -> int:
    """The most that waits unread behind one descriptor: as much as a socket takes that nobody has enlarged."""
    return max(PIPE_BYTES, int(Path("/proc/sys/net/core/wmem_default").read_text()))


def _kilobytes(text: bytes, names: tuple[bytes, ...]) -> int:
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(names))


def scratch_used(pid: int) -> int:
    """Bytes in the file systems that a sandbox may write to, which are memory as well."""
    used = 0
    for place in SCRATCH:
        with contextlib.suppress(OSError):
            about = os.statvfs(f"/proc/{pid}/root{place}")
            used += (about.f_blocks - about.f_bfree) * about.f_frsize
    return used


def process_ns(pid: int) -> int:
    """Nanoseconds of processor time of a process, its ended threads included, by the clock that the kernel keeps."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0


def is_waiting(pid: int) -> bool:
    """Whether a process's first thread waits for something or has ended: a clock of it is exact only then.

    What a thread that runs has used since the kernel's last look at it, at most some milliseconds, is not counted yet.
    """
    return not _read(f"/proc/{pid}/stat").rpartition(b")")[2].lstrip().startswith(b"R")


def thread_ns(pid: int) -> int:
    """Nanoseconds of processor time of a process's first thread. Raises `OSError` when it has ended."""
    return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0])


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def out_of_memory_kills() -> int:
    """How many processes this machine has ended since it started because its memory ran out."""
    for line in _read("/proc/vmstat").splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0


def _read(path: str) -> bytes:
    """A file of a process; nothing when it has ended."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
