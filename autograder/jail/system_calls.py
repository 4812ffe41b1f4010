"""The filter of system calls that student code runs under."""

import errno
import functools
import tempfile

from autograder.jail.errors import JailError

# What student code is refused, with EPERM: calls that change namespaces, mounts or the kernel, or that reach into other
# processes, and those that make memory which belongs to no process, where the watch on a sandbox's memory does not see
# it. Everything else stays allowed, since libraries' needs change from release to release and the namespaces, limits
# and missing capabilities already bound what the rest can do.
REFUSED_CALLS = (
    "acct", "add_key", "bpf", "chroot", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount",
    "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "memfd_create", "memfd_secret", "mount",
    "mount_setattr", "move_mount", "mq_open", "msgget", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
    "open_tree", "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "semget", "setns", "shmat", "shmget", "swapoff",
    "swapon", "syslog", "umount2", "unshare", "userfaultfd", "vhangup",
)  # fmt: skip


@functools.cache
def filter_program() -> bytes:
    """The compiled seccomp filter. Raises `JailError` when libseccomp is not installed."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise JailError(
            f"the jail needs libseccomp ({error}); install it (Debian: apt install libseccomp2) and pip's pyseccomp"
        ) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    for name in REFUSED_CALLS:
        try:
            rules.add_rule(refuse, name)
        except (OSError, ValueError):
            continue  # a call that this kernel's architecture does not have
    namespaces = 0x7E020000 | 0x00000080  # every CLONE_NEW* flag of clone(2)
    for bit in range(32):
        if namespaces & (1 << bit):
            rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 1 << bit, 1 << bit))
    # clone3 hides its flags from filters; without it the C library falls back to clone.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
