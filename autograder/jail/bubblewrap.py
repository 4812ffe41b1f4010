"""The wall around a zygote: bubblewrap's command line, and the process that it starts.

One wall serves a whole run. What stands inside it: the operating system and the Python installation, read-only; the few
modules of this package that the inside needs; an empty network. No project file, environment variable or descriptor.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autograder.jail.errors import JailError
from autograder.jail.system_calls import filter_program

PACKAGE = Path(__file__).resolve().parents[1]
# What of this package stands inside. Instead of the checks that run in a notebook there is one that does nothing.
INSIDE = ("__init__.py", "measure/*.py", "jail/__init__.py", "jail/protocol.py", "jail/inside/*.py")
CHECK_STUB = ("check/__init__.py", "jail/inside/check_stub.py")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts")
WORKPLACES = ("/usr/src", "/usr/local/src")  # where people keep a course, and no library lies
# Not /dev/zero: mapped shared, it is memory that belongs to no process and no file system.
DEVICES = ("null", "full", "random", "urandom")
NOBODY = 65534
# Where the Python environment stands inside: a fixed place that no scratch space hides and that tells nothing of ours.
ENVIRONMENT = "/environment"
INSTALLATION = "/python"  # that the environment was made from, unless it is the operating system's


def command(control: int, rewritten: Mapping[str, int]) -> list[str]:
    """The command that starts a zygote behind a wall; it takes orders on descriptor ``control``.

    ``rewritten`` are descriptors of the files of `rewritten_files`. Raises `JailError` when bubblewrap is missing.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise JailError(
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
    options += ["--hostname", "sandbox", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"]
    options += ["--perms", "0755", "--tmpfs", "/dev", "--dir", "/dev/shm"]
    for device in DEVICES:
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    options += _environment()
    for inside, file in rewritten.items():
        options += ["--perms", "0444", "--ro-bind-data", str(file), inside]
    for path in SYSTEM:
        if Path(path).is_symlink():
            options += ["--symlink", os.readlink(path), path]
        elif Path(path).exists():
            options += ["--ro-bind", path, path]
    for folder in filter(os.path.isdir, WORKPLACES):
        options += ["--tmpfs", folder, "--remount-ro", folder]
    for folder in ("", "/autograder", *(f"/autograder/{room}" for room in ("measure", "jail", "jail/inside", "check"))):
        options += ["--perms", "0755", "--dir", f"/jail{folder}"]
    for inside, outside in files_inside().items():
        options += ["--ro-bind", str(outside), f"/jail/autograder/{inside}"]
    environment = {
        "HOME": "/tmp",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "IPYTHONDIR": "/tmp/ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        # An arena for each thread would reserve gigabytes of address space, which is limited.
        "MALLOC_ARENA_MAX": "2",
        # One thread: a forked child cannot use its parent's thread pool, and a class is graded a core a submission.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    for name, value in environment.items():
        options += ["--setenv", name, value]
    # The folder of devices belongs to whoever builds the wall, and that is the sandboxes' user where it is not root.
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]
    start = "import sys; sys.path.insert(0, '/jail'); from autograder.jail.inside.zygote import main; main()"
    return [*options, f"{ENVIRONMENT}/bin/python", "-I", "-B", "-c", start, str(control)]


def files_inside() -> dict[str, Path]:
    """The files of this package that stand inside, by their place in it. No compiled ones: they tell where they lie."""
    found = {path.relative_to(PACKAGE).as_posix(): path for part in INSIDE for path in sorted(PACKAGE.glob(part))}
    return found | {CHECK_STUB[0]: PACKAGE / CHECK_STUB[1]}


def _environment() -> list[str]:
    """The Python environment and the installation that it was made from, under names that tell nothing of ours.

    Left out is what tells where they lie: commands, whose first lines do, and links to packages that are developed in
    place, among them this one.
    """
    program, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("purelib"))
    options = ["--perms", "0755", "--dir", ENVIRONMENT, "--perms", "0755", "--dir", f"{ENVIRONMENT}/bin"]
    options += ["--ro-bind", f"{sys.prefix}/lib", f"{ENVIRONMENT}/lib"]
    if Path(sys.prefix, "lib64").is_dir():
        options += ["--symlink", "lib", f"{ENVIRONMENT}/lib64"]
    if sys.prefix == sys.base_prefix:
        options += ["--ro-bind", str(program), f"{ENVIRONMENT}/bin/python"]
    else:
        base = _inside(Path(sys.base_prefix))
        options += ["--symlink", str(base / "bin" / program.name), f"{ENVIRONMENT}/bin/python"]
        if base == Path(INSTALLATION):
            options += ["--perms", "0755", "--dir", INSTALLATION, "--perms", "0755", "--dir", f"{INSTALLATION}/bin"]
            options += ["--ro-bind", f"{sys.base_prefix}/lib", f"{INSTALLATION}/lib"]
            options += ["--ro-bind", str(program), f"{INSTALLATION}/bin/{program.name}"]
            for folder in _built_from(Path(sys.base_prefix)):
                inside = f"{INSTALLATION}/{folder.relative_to(sys.base_prefix)}"
                options += ["--tmpfs", inside, "--remount-ro", inside]
            # Where it was built to find its own library, if that is shared, it is no longer.
            options += ["--setenv", "LD_LIBRARY_PATH", f"{INSTALLATION}/lib"]
    for path in _telling(library):
        options += ["--ro-bind", "/dev/null", f"{ENVIRONMENT}/{path.relative_to(sys.prefix)}"]
    return options


def rewritten_files() -> dict[str, bytes]:
    """The files that say where the environment's installation is, by their places inside, with its place there."""
    if sys.prefix == sys.base_prefix:
        return {}
    base = _inside(Path(sys.base_prefix))
    files = {f"{ENVIRONMENT}/pyvenv.cfg": f"home = {base}/bin\ninclude-system-site-packages = false\n".encode()}
    if base == Path(INSTALLATION):
        for path in Path(sys.base_prefix, "lib").glob("python*/_sysconfigdata_*.py"):
            inside = f"{INSTALLATION}/{path.relative_to(sys.base_prefix)}"
            files[inside] = path.read_bytes().replace(os.fsencode(sys.base_prefix), os.fsencode(INSTALLATION))
    return files


def _built_from(installation: Path) -> list[Path]:
    """The folders of an installation that say how and where it was built, for those who build against it."""
    return [*installation.glob("lib/python*/config-*"), *installation.glob("lib/pkgconfig")]


def _inside(installation: Path) -> Path:
    """Where an installation of Python stands behind the wall: one of the operating system's where it is outside."""
    system = any(installation == Path(s) or Path(s) in installation.parents for s in SYSTEM)
    return installation if system else Path(INSTALLATION)


def _telling(library: Path) -> list[Path]:
    """The files of an environment that name folders outside of it: links to packages that are developed in place."""
    links = [path for path in library.glob("*.pth") if re.search(r"(?m)^[/\\\\]|__editable__", path.read_text())]
    return sorted([*links, *library.glob("__editable__*.py"), *library.glob("*.dist-info/direct_url.json")])


class Zygote:
    """A zygote behind a wall that is being built: its process, and the control socket on which it takes orders.

    Raises `JailError` when the wall cannot be built; `ready` waits for it to stand.
    """

    def __init__(self) -> None:
        program = filter_program()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A file without a name: even a grader that is killed leaves none behind.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `ready` or `stop`
        with theirs, contextlib.ExitStack() as stack:
            rewritten = {}
            for inside, content in rewritten_files().items():
                file = stack.enter_context(tempfile.TemporaryFile())
                file.write(content)
                file.seek(0)
                rewritten[inside] = file.fileno()
            self.process = subprocess.Popen(
                command(theirs.fileno(), rewritten),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                pass_fds=[theirs.fileno(), *rewritten.values()],
                cwd="/",
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            )
        self.control.settimeout(120)
        with contextlib.suppress(OSError):
            self.control.send(program)

    def ready(self) -> None:
        """Wait until it takes orders. Raises `JailError` with bubblewrap's own words when the wall does not stand."""
        try:
            answer = self.control.recv(64)
        except OSError:
            answer = b""
        if answer != b"ready":
            self._words.seek(0)
            said = self._words.read().decode(errors="replace").strip().splitlines()
            self.stop()
            why = said[-1] if said else "bubblewrap ended without a word"
            raise JailError(f"the jail's wall could not be built: {why}")
        self._words.close()

    def stop(self) -> None:
        """End it, and everything behind its wall."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        self._words.close()
