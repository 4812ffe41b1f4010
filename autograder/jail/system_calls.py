"""The filter of system calls that student code runs under: what it lists is allowed, anything else does not exist.

The list is what Python and its libraries need to compute, to use files of their own and to start threads. What is not
on it falls into five kinds:

- calls that make processes or start programs: the kernel limits the memory of a process, not that of several, and what
  one process does is seen whole from outside;
- calls that move a wall: namespaces, mounts, other processes, the kernel's own modules, keys and tracing;
- calls that make memory which belongs to no process and to no file system of the sandbox, where nobody counts it:
  shared anonymous memory, memory files, System V segments, message queues, pages spliced into pipes and sockets,
  enlarged pipes and sockets, descriptors in flight, locks and timers without end;
- calls that see what others do, or are seen by them: watches on the shared files, locks and leases on them, what of
  them is in memory, how much of the machine is free;
- sockets: the only ones are pairs of its own.

A call that the kernel does not have, as this looks, is what libraries are written to do without.
"""

import contextlib
import errno
import functools
import tempfile
from typing import Any

from autograder.jail.errors import JailError

ALLOWED_CALLS = (
    # files
    "access", "chdir", "chmod", "chown", "close", "close_range", "creat", "dup", "dup2", "dup3", "faccessat",
    "faccessat2", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fdatasync", "fstat", "fstat64",
    "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64", "ioctl", "lchown", "link", "linkat",
    "lseek", "_llseek", "lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "fstatat64", "open",
    "openat", "openat2", "pread64", "preadv", "pwrite64", "pwritev", "read", "readlink", "readlinkat", "readv",
    "rename", "renameat", "renameat2", "rmdir", "stat", "stat64", "statx", "symlink", "symlinkat", "truncate",
    "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "futimesat",
    "write", "writev",
    # waiting
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd", "eventfd2", "pause", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
    "select", "_newselect",
    # pairs of sockets; see below
    "getpeername", "getsockname", "getsockopt", "recvfrom", "sendto", "shutdown",
    # memory; see below for what maps it
    "brk", "membarrier", "mprotect", "mremap", "msync", "munlock", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    # threads; see below for what makes them
    "arch_prctl", "exit", "exit_group", "futex", "futex_time64", "futex_waitv",
    "futex_wait", "futex_wake", "futex_requeue", "get_robust_list", "getpgid", "getpgrp", "getpid", "getppid",
    "getpriority", "getsid", "gettid", "kill", "rseq", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_yield",
    "set_robust_list", "set_thread_area", "set_tid_address", "setpgid", "setpriority", "setsid", "tgkill", "tkill",
    "wait4", "waitid", "waitpid",
    # signals and time
    "alarm", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep", "restart_syscall", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_tgsigqueueinfo", "setitimer", "sigaltstack", "signalfd", "signalfd4", "sigreturn", "time", "timerfd_create",
    "timerfd_gettime", "timerfd_settime", "times",
    # itself
    "capget", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups",
    "getgroups32", "getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage",
    "getuid", "getuid32", "prlimit64", "setrlimit", "ugetrlimit", "uname",
)  # fmt: skip
# Those of which libraries know that not every file system has them: attributes of files, kept where nobody counts.
UNSUPPORTED_CALLS = tuple(
    prefix + call + "xattr" for call in ("get", "list", "set", "remove") for prefix in ("", "l", "f")
)
CLONE_THREAD = 0x00010000
NEW_NAMESPACES = 0x7E020000 | 0x00000080  # every CLONE_NEW* flag of clone(2); clone3 hides them from a filter
MAP_SHARED, MAP_ANONYMOUS, MAP_GROWSDOWN, MAP_HUGETLB = 0x01, 0x20, 0x0100, 0x40000
FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030, 1032)  # duplicating, flags, and what a pipe's size is: no lock, lease or watch
# What memory is expected of or given back. Not: merging equal pages of several processes, which tells of the others;
# sending pages of the shared files out of memory.
ADVICE = (0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 102, 103)
PROCESS_OPTIONS = (1, 2, 3, 15, 16, 21, 23, 39)  # its death signal, name and flags, and that it may gain no privilege
AF_UNIX = 1


@functools.cache
def filter_program() -> bytes:
    """The compiled seccomp filter. Raises `JailError` when libseccomp is not installed."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise JailError(
            f"the jail needs libseccomp ({error}); install it (Debian: apt install libseccomp2) and pip's pyseccomp"
        ) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))

    def allow(name: str, *conditions: Any) -> None:
        with contextlib.suppress(OSError, ValueError):  # a call that this machine's architecture does not have
            rules.add_rule(pyseccomp.ALLOW, name, *conditions)

    def among(argument: int, values: tuple[int, ...], name: str) -> None:
        for value in values:
            allow(name, pyseccomp.Arg(argument, pyseccomp.EQ, value))

    for name in ALLOWED_CALLS:
        allow(name)
    for name in UNSUPPORTED_CALLS:
        rules.add_rule(pyseccomp.ERRNO(errno.EOPNOTSUPP), name)
    allow("clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_NAMESPACES | CLONE_THREAD, CLONE_THREAD))
    allow("socketpair", pyseccomp.Arg(0, pyseccomp.EQ, AF_UNIX))
    judged = MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_HUGETLB
    for kind in (0, MAP_SHARED, MAP_ANONYMOUS):  # a file, private or shared, or anonymous memory that is private
        for name in ("mmap", "mmap2"):
            allow(name, pyseccomp.Arg(3, pyseccomp.MASKED_EQ, judged, kind))
    among(1, FCNTL_COMMANDS, "fcntl")
    among(1, FCNTL_COMMANDS, "fcntl64")
    among(2, ADVICE, "madvise")
    among(0, PROCESS_OPTIONS, "prctl")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
