"""A course to break: copies of one that was graded, commands run on it as a user would, and disks that are full.

Whatever a row of `tests/test_broken_course.py` does happens in a process of its own with mounts of its own, so that a
disk can be full and a folder read-only for any user, root too, and all of it is gone with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import multiprocessing
import os
import pickle
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert.writers import FilesWriter

from autograder.cli import main
from autograder.course import files
from autograder.nbgrader.database import open_gradebook
from autograder.nbgrader.patches import SessionOfOneSubmission
from tests.conftest import A1

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
DISK = 24 << 20


@dataclass(frozen=True)
class Done:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.strip().splitlines()


class Course:
    """A copy of the course, in a folder that only this process sees as it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.book = root / "gradebook.db"
        self.state = root / ".autograder"
        self.source = root / "solutions" / A1
        self.environment: dict[str, str] = {}
        self.kill_at: tuple[str, int] | None = None
        self.held: list[Any] = []

    # --- commands -------------------------------------------------------------------------------------------------

    def run(self, *words: str) -> Done:
        """One command, in a process group of its own, from the course's folder."""
        said = [self.root.parent / f"{self.root.name}-said-{n}" for n in (1, 2)]
        pid = os.fork()
        if pid == 0:
            _become_command(self, said, words)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        return Done(os.waitstatus_to_exitcode(status), *(path.read_text() for path in said))

    # --- what must not be lost ------------------------------------------------------------------------------------

    def kept(self) -> dict[str, Any]:
        """What nobody can make again: submissions, the secret, reports, the gradebook, and what authors write."""
        return {
            "submitted": self.digest("submitted"),
            "solutions": self.digest("solutions"),
            "secret": self.digest(".autograder/secret"),
            "reports": self.digest(".autograder/reports"),
            "gradebook": self.grades() or self.digest("gradebook.db"),
            "backups": self.digest("backups"),
        }

    def digest(self, place: str) -> dict[str, str]:
        """A digest of each file of a place."""
        path = self.root / place
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        return {
            str(file.relative_to(self.root)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in found
            if file.is_file() and "__pycache__" not in file.parts
        }

    def grades(self) -> list[tuple[Any, ...]]:
        """Every grade and comment of the gradebook; none when it cannot be read."""
        query = """
            SELECT s.student_id, b.name, g.auto_score, g.manual_score, n.late_submission_penalty, c.manual_comment
            FROM submitted_assignment s JOIN submitted_notebook n ON n.assignment_id = s.id
            JOIN grade g ON g.notebook_id = n.id JOIN base_cell b ON b.id = g.cell_id
            LEFT JOIN comment c ON c.notebook_id = n.id AND c.cell_id = b.id ORDER BY 1, 2"""
        try:
            with contextlib.closing(sqlite3.connect(f"{self.book.as_uri()}?mode=ro", 0, uri=True)) as database:
                return database.execute(query).fetchall()
        except sqlite3.Error:
            return []

    def made(self) -> dict[str, Any]:
        """What is there when all is well, beside what is `kept`: every page and notebook, and the grades as CSV."""
        return {
            "pages": sorted(str(path.relative_to(self.root)) for path in (self.root / "feedback").rglob("*.html")),
            "autograded": self.digest("autograded"),
            "release": self.digest("assignments"),
            "grades.csv": [line.rpartition(",")[0] for line in (self.root / "grades.csv").read_text().splitlines()],
            "unfinished": [str(path) for path in self.root.rglob(f"{files.UNFINISHED}*")],
        }

    # --- disks ----------------------------------------------------------------------------------------------------

    def fill_disk(self) -> None:
        """Have the course lie on a small file system that has no byte left."""
        copy = self.root.with_name("moved")
        self.root.rename(copy)
        self.root.mkdir()
        _mount("tmpfs", self.root, "tmpfs", 0, f"size={DISK}")
        shutil.copytree(copy, self.root, dirs_exist_ok=True, symlinks=True)
        with contextlib.suppress(OSError), (self.root / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def make_room(self) -> None:
        (self.root / "filler").unlink()

    def make_read_only(self) -> None:
        _mount(self.root, self.root, None, MS_BIND)
        _mount(None, self.root, None, MS_REMOUNT | MS_BIND | MS_RDONLY)

    def make_writable(self) -> None:
        if ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(self.root), 2):
            raise OSError(ctypes.get_errno(), "cannot unmount", str(self.root))


def _become_command(course: Course, said: list[Path], words: tuple[str, ...]) -> None:
    code = 70
    try:
        os.setsid()
        for number, path in enumerate(said, 1):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(fd, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
        os.chdir(course.root)
        os.environ.update(course.environment)
        # What is imported here already need not be imported again, which would take most of a row's time.
        context = multiprocessing.get_context
        multiprocessing.get_context = lambda method=None: context("fork" if method == "spawn" else method)
        if course.kill_at:
            _kill_at(*course.kill_at)
        code = main(words)
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


STEPS = {
    "sync": (files, "_sync"),  # a whole file is on its way to its place
    "rename": (Path, "rename"),
    "replace": (Path, "replace"),
    "write": (FilesWriter, "write"),  # nbgrader writes a notebook or a page
    "commit": (SessionOfOneSubmission, "settle"),
}


def _kill_at(step: str, number: int) -> None:
    """Have all processes of the command killed when one of them is about to do ``step`` for the ``number``-th time."""
    owner, name = STEPS[step]
    original, left = getattr(owner, name), [number]

    def step_or_end(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os.killpg(0, signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, step_or_end)


def apart(what: Callable[[], Any]) -> Any:
    """What ``what`` returns, called in a process with mounts of its own; what it raises is raised here."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        try:
            _unshare()
            answer = (True, what())
        except BaseException as error:
            answer = (False, f"{''.join(traceback.format_exception(error))}")
        with open(theirs, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        content = pipe.read()
    os.waitpid(pid, 0)
    well, answer = pickle.loads(content)
    if not well:
        raise AssertionError(answer)
    return answer


def _unshare() -> None:
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)):
        raise OSError(ctypes.get_errno(), "this machine gives an ordinary user no mounts of its own (unshare -rm)")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount("none", Path("/"), None, MS_REC | MS_PRIVATE)


def _mount(source: str | Path | None, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    names = [None if name is None else os.fsencode(name) for name in (source, target, kind)]
    if libc.mount(*names, ctypes.c_ulong(flags), os.fsencode(options) or None):
        raise OSError(ctypes.get_errno(), f"cannot mount {kind or source}", str(target))


def give_by_hand(root: Path, student: str, question: str, points: float, comment: str) -> None:
    """Give points and a comment for a written question, as formgrader does."""
    with open_gradebook(root) as gradebook:
        grade = gradebook.find_grade(question, A1, A1, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.find_comment(question, A1, A1, student).manual_comment = comment
        gradebook.db.commit()
