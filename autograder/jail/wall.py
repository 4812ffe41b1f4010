"""The wall around a zygote: the bubblewrap command line and the system-call filter.

One wall serves a whole run. What stands inside it: the operating system and the Python installation, read-only; the few
modules of this package that the inside needs; an empty network. No project file, environment variable or descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
INSIDE = {
    "__init__.py": "__init__.py",
    "calls.py": "calls.py",
    "work.py": "work.py",
    "jail/__init__.py": "jail/__init__.py",
    "jail/wire.py": "jail/wire.py",
    "jail/inmate.py": "jail/inmate.py",
    "jail/zygote.py": "jail/zygote.py",
    "check.py": "jail/silent.py",
}
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime")
NOBODY = 65534
# Where the Python environment stands inside: a fixed place that no scratch space hides and that tells nothing of ours.
ENVIRONMENT = "/environment"

# What student code is refused, with EPERM: calls that change namespaces, mounts or the kernel, or that reach into other
# processes, and those that make memory which belongs to no process, where the watch on a cell's memory does not see it.
# Everything else stays allowed, since libraries' needs change from release to release and the namespaces,
# limits and missing capabilities already bound what the rest can do.
REFUSED_CALLS = (
    "acct", "add_key", "bpf", "chroot", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount",
    "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "memfd_create", "memfd_secret", "mount",
    "mount_setattr", "move_mount", "mq_open", "msgget", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
    "open_tree", "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "semget", "setns", "shmat", "shmget", "swapoff",
    "swapon", "syslog", "umount2", "unshare", "userfaultfd", "vhangup",
)  # fmt: skip


class WallError(Exception):
    """A wall that cannot be built on this machine. The message says what is missing and what to do."""


@functools.cache
def filter_program() -> bytes:
    """The compiled seccomp filter. Raises `WallError` when libseccomp is not installed."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise WallError(
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


def command(control: int) -> list[str]:
    """The command that starts a zygote behind a wall; it takes orders on descriptor ``control``.

    Raises `WallError` when bubblewrap is missing.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise WallError(
            "the jail needs bubblewrap, and there is no bwrap on the PATH; install it (Debian: apt install bubblewrap)"
        )
    options = [bwrap, "--die-with-parent", "--new-session", "--clearenv"]
    options += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        # As root no user namespace is needed to build the wall; the zygote uses these two to become nobody, for good.
        options += [
            "--cap-drop",
            "ALL",
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
            "--setenv",
            "JAIL_USER",
            str(NOBODY),
        ]
    else:
        options += ["--unshare-user"]
    options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    options += ["--perms", "0755", "--dir", ENVIRONMENT, "--ro-bind", sys.prefix, ENVIRONMENT]
    for path in (*SYSTEM, *_installation()):
        if Path(path).is_symlink():
            options += ["--symlink", os.readlink(path), path]
        elif Path(path).exists():
            # bubblewrap makes missing parents for its own user alone, and the zygote becomes another.
            for parent in reversed(Path(path).parents[:-1]):
                options += ["--perms", "0755", "--dir", str(parent)]
            options += ["--ro-bind", path, path]
    options += ["--perms", "0755", "--dir", "/jail", "--perms", "0755", "--dir", "/jail/autograder"]
    options += ["--perms", "0755", "--dir", "/jail/autograder/jail"]
    for inside, outside in INSIDE.items():
        options += ["--ro-bind", str(PACKAGE / outside), f"/jail/autograder/{inside}"]
    environment = {
        "HOME": "/tmp",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "IPYTHONDIR": "/tmp/ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # One thread: a forked child cannot use its parent's thread pool, and a class is graded a core a submission.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    for name, value in environment.items():
        options += ["--setenv", name, value]
    # The folder of devices belongs to whoever builds the wall, and that is the cells' user where it is not root.
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]
    start = "import sys; sys.path.insert(0, '/jail'); from autograder.jail.zygote import main; main()"
    return [*options, f"{ENVIRONMENT}/bin/{Path(sys.executable).name}", "-I", "-B", "-c", start, str(control)]


def _installation() -> list[str]:
    """The folders of the Python that the environment was made from. They stay where they are: its links point there."""
    folders = [Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]]
    kept = [str(f) for f in dict.fromkeys(folders) if not any(f == Path(s) or Path(s) in f.parents for s in SYSTEM)]
    if hidden := [folder for folder in kept if folder.startswith(("/tmp/", "/proc/", "/dev/"))]:
        raise WallError(f"the jail cannot use a Python installed in {hidden[0]}; make the environment from another")
    return kept


class Zygote:
    """A zygote behind a wall that is being built: its process, and the control socket on which it takes orders.

    Raises `WallError` when the wall cannot be built; `ready` waits for it to stand.
    """

    def __init__(self) -> None:
        program = filter_program()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A file without a name: even a grader that is killed leaves none behind.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `ready` or `stop`
        with theirs:
            self.process = subprocess.Popen(
                command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            )
        self.control.settimeout(120)
        with contextlib.suppress(OSError):
            self.control.send(program)

    def ready(self) -> None:
        """Wait until it takes orders. Raises `WallError` with bubblewrap's own words when the wall does not stand."""
        try:
            answer = self.control.recv(64)
        except OSError:
            answer = b""
        if answer != b"ready":
            self._words.seek(0)
            said = self._words.read().decode(errors="replace").strip().splitlines()
            self.stop()
            why = said[-1] if said else "bubblewrap ended without a word"
            raise WallError(f"the jail's wall could not be built: {why}")
        self._words.close()

    def stop(self) -> None:
        """End it, and everything behind its wall."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self._words.close()
