"""The kernel's own view of a sandbox's processes, from outside: what they hold and how long they worked."""

import contextlib
import os
import time
from pathlib import Path

SCRATCH = ("/tmp", "/dev/shm")  # where a sandbox may write


def pid_of(pidfd: int) -> int:
    """The number of the process behind a pidfd. Raises `ProcessLookupError` when the kernel does not name it."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"the kernel does not name the process behind pidfd {pidfd}")


def tree(pid: int) -> list[int]:
    """A process and all below it.

    Orphans in a PID namespace move to its first process, so nothing of it is left out.
    """
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                text = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found += [int(child) for child in text.split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def resident(pid: int) -> int:
    """Anonymous and shared-memory pages of one process in bytes, a page shared by n processes counted as 1/n in each.

    Without the shares a process forked from a large one would be charged for all that it has not yet changed.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def mapped(pid: int) -> int:
    """Anonymous and shared-memory pages that one process has mapped, in bytes, whoever else shares them."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))


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


def thread_ns(pid: int) -> int:
    """Nanoseconds of processor time of a process's first thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
