"""Confines the process that calls it: namespaces, file systems of its own, limits, no capability, few system calls."""

import ctypes
import os
import resource
import signal
from typing import Any

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
OF_A_SANDBOX = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
SECCOMP_MODE_FILTER = 2
LAST_CAPABILITY = 40
STACK = 8 << 20
UNTOUCHED = 1 << 30  # the stacks of as many threads as there may be, the allocator's arenas, and further libraries
_libc = ctypes.CDLL(None, use_errno=True)


def check_result(result: int, what: str) -> None:
    """Raise the `OSError` of a C function that did not return 0."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the namespaces that ``flags`` names for new ones. Raises `OSError`."""
    check_result(_libc.unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    check_result(_libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()), f"mount {target}")


def enter_own_namespaces(flags: int) -> None:
    """Enter a user namespace of this process's own, and with it, owned by it, the namespaces that ``flags`` names."""
    uid, gid = os.geteuid(), os.getegid()
    # A process that changed its user no longer owns its own files in /proc, and two of them are written next.
    check_result(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")
    unshare(CLONE_NEWUSER | flags)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"1000 {uid} 1")
    _write("/proc/self/gid_map", f"1000 {gid} 1")


def _first_line(path: str) -> str:
    with open(path) as file:
        return file.readline()


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def confine(limits: dict[str, Any], filter_program: bytes) -> None:
    """Confine this process: small file systems of its own, limits, no capability, few system calls; for good."""
    # What it has mapped already, of which the zygote's libraries are the most.
    mapped, data = (int(pages) * resource.getpagesize() for pages in _first_line("/proc/self/statm").split()[:6:5])
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    size = f"size={limits['tmpfs']},nr_inodes=4096"
    _mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size + ",mode=700")
    _mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size + ",mode=700")
    # The sandbox has no view of any process, its own included: nothing a solution needs is there.
    _mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=0,mode=555")
    os.mkdir("/tmp/work")
    os.chdir("/tmp/work")
    for kind, amount in (
        # The kernel's limit, which nothing outruns; the watch outside counts what belongs to no data as well. Address
        # space is not memory: libraries map what they never touch.
        (resource.RLIMIT_DATA, data + limits["memory"]),
        (resource.RLIMIT_AS, mapped + limits["memory"] + UNTOUCHED),
        (resource.RLIMIT_STACK, STACK),
        (resource.RLIMIT_NPROC, limits["threads"]),
        (resource.RLIMIT_FSIZE, limits["tmpfs"]),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_SIGPENDING, 128),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    _drop_capabilities()
    check_result(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    install_filter(filter_program)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    none = (ctypes.c_uint32 * 6)()
    check_result(_libc.capset(header, none), "capset")


def install_filter(program: bytes) -> None:
    """Install a compiled seccomp filter (an array of ``struct sock_filter``) for good."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    memory = ctypes.create_string_buffer(program, len(program))
    described = Program(len(program) // 8, ctypes.cast(memory, ctypes.c_void_p))
    check_result(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0), "seccomp")


def set_pid_namespace(fd: int) -> None:
    """Let the children of this process, from now on, be in the PID namespace of a descriptor. Raises `OSError`."""
    check_result(_libc.setns(fd, CLONE_NEWPID), "setns")


def separate() -> None:
    """Go on in a child that is the first process of a PID namespace which it owns; the parent waits and ends as it."""
    enter_own_namespaces(CLONE_NEWPID)
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    check_result(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")
