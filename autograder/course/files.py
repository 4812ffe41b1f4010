"""Writes files whole or not at all, wherever a kill, a power cut or a full disk strikes.

What is new is written beside its place, on the same file system, and moved there when all of it is on the disk. So
whoever reads a file sees what was before or what is now, and never a part. The one way to write a file that matters.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from autograder.course import places

UNFINISHED = ".new-"  # before the number of the process that writes


@contextlib.contextmanager
def whole(path: Path, mode: int = 0o666, replace: bool = True) -> Iterator[Path]:
    """Gives the place of a new, empty file; on leaving, what was written there becomes the file ``path``.

    When the enclosed code raises, ``path`` stays as it was. ``mode`` is the file's permissions, less the umask. Without
    ``replace`` a file that another process has written there meanwhile is kept. Raises `OSError`, which names ``path``.
    """
    new = path.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        yield new
        _sync(new)
        if replace:
            new.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
    except OSError as error:
        if error.filename in (None, str(new)):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes, mode: int = 0o666, replace: bool = True) -> None:
    """Make ``content``, text as UTF-8, what the file ``path`` holds; otherwise like `whole`. Raises `OSError`."""
    with whole(path, mode, replace) as new:
        new.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Gives an empty folder in ``folder``, which is removed afterwards."""
    new = folder / f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}"
    new.mkdir(parents=True)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def move_files(source: Path, target: Path) -> None:
    """Make the files of the folder ``source`` those of ``target``, each at once, and remove ``source``.

    Both are on one file system. A kill in between leaves whole files, some of them old. Raises `OSError`.
    """
    files = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        _sync(source / file)
        (source / file).replace(target / file)
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(target) not in files:
            path.unlink()
    shutil.rmtree(source)


def remove_unfinished(root: Path) -> None:
    """Remove what writers that were killed left unfinished in a course, where that can be removed."""
    found = list(root.glob(f"{UNFINISHED}*"))
    for place in (places.STATE, places.BACKUPS, places.FEEDBACK, places.RELEASES):
        found += (root / place).rglob(f"{UNFINISHED}*")
    for path in found:
        if not _lives(path.name.removeprefix(UNFINISHED).partition("-")[0]):
            with contextlib.suppress(OSError):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _lives(process: str) -> bool:
    """Whether there is a process of that number, and not only what is left of it until its parent asks."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
