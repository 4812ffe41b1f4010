"""Finds work that lies where nothing would look for it: a wrong file name, a misspelt folder, a loose notebook.

What is certainly a student's notebook of the assignment is copied to where it belongs; everything else is listed with
what to do. Nothing is moved, removed or overwritten.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath

from autograder.collect.archive_formats import archive_entries, entry_kind, is_archive
from autograder.collect.entry import STUDENT
from autograder.collect.errors import ArchiveError, FileRefused
from autograder.collect.owners import Naming, alike
from autograder.collect.safe_names import CHECKPOINTS, name_problem
from autograder.course.assignment import Assignment, assignment_names
from autograder.course.attention import Attention, likeness, other_assignment
from autograder.course.files import write_whole
from autograder.course.submission import MAX_BYTES, Cell, Unusable, is_text, parse, read_regular
from autograder.course.text import printable

MAX_FILES = 300  # of one student that are looked at
MAX_DEPTH = 6


@dataclass(frozen=True)
class Found:
    """What was copied to where it belongs, a sentence each, and what is to be looked at."""

    taken: tuple[str, ...] = ()
    attention: tuple[Attention, ...] = ()


@dataclass(frozen=True)
class _Notebook:
    """A notebook that was found: in ``path``, or in an archive there under the name ``inside``."""

    path: Path
    inside: str
    raw: bytes
    cells: tuple[Cell, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    def __str__(self) -> str:
        return printable(f"{self.path.name}!{self.inside}" if self.inside else self.path.name, 120)


def find_misplaced(assignment: Assignment, submitted: Path, only: frozenset[str] | None = None) -> Found:
    """Look through ``submitted`` for work on ``assignment`` that is not in its place, of all students or ``only`` some.

    What is certain is copied to ``<student>/<assignment>/<assignment>.ipynb``, with the timestamp beside it.
    """
    search = _Search(assignment, submitted)
    if submitted.is_dir():
        for entry in sorted(os.scandir(submitted), key=lambda entry: entry.name):
            if entry.name.startswith(".") or not is_text(entry.name):
                continue  # a folder whose name is not text is told of elsewhere
            path = Path(entry.path)
            if entry.is_symlink():
                search.link(path, only)
            elif not entry.is_dir():
                search.loose(path, only)
            elif alike(entry.name, assignment.name):
                search.swapped(path, only)
            elif entry.name not in search.others and (only is None or entry.name in only):
                search.student(entry.name, path)
    return Found(tuple(search.taken), tuple(search.attention))


class _Search:
    def __init__(self, assignment: Assignment, submitted: Path) -> None:
        self._assignment, self._submitted = assignment, submitted
        self._file = f"{assignment.name}.ipynb"
        self.others = set(assignment_names(assignment.root)) - {assignment.name}
        self._naming = Naming(assignment.name)
        self.taken: list[str] = []
        self.attention: list[Attention] = []

    def link(self, path: Path, only: frozenset[str] | None) -> None:
        """A link where a student's folder would be: what is behind it is not graded."""
        if path.is_dir() and (only is None or path.name in only):
            to_do = "put the folder itself there, and grade again"
            self._note(path.name, path, "it is a link, and links are not followed", to_do, ungraded=True)

    def swapped(self, folder: Path, only: frozenset[str] | None) -> None:
        """A folder of the assignment with students in it, instead of the other way round."""
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name.startswith(".") or not is_text(entry.name) or entry.is_symlink():
                continue
            if not entry.is_dir():
                self.loose(path, only)
            elif not alike(entry.name, self._assignment.name) and (only is None or entry.name in only):
                self._settle(entry.name, path, list(_notebooks(path, set())), swapped=True)

    def loose(self, path: Path, only: frozenset[str] | None) -> None:
        """A file that lies in no student's folder. Whose it is, its name says, or nobody."""
        of_it = [notebook for notebook in _read(path) if self._is_of(notebook)]
        student = self._owner(path.name)
        if only is not None and student not in only:
            return
        if student and (of_it or self._assignment.name in path.name):
            self._settle(student, path, of_it, loose=True)
        elif of_it and is_archive(path.name):
            to_do = f"if its students' work is not here yet, run `autograder collect {self._assignment.name}` on it"
            self._note("", path, "it is an archive with notebooks of the assignment", to_do)
        elif of_it:
            home = self._submitted / "<student>" / self._assignment.name / self._file
            what = "it is a notebook of the assignment, and nothing says whose"
            self._note("", path, what, f"move it to {home}, and grade again", ungraded=True)

    def student(self, student: str, folder: Path) -> None:
        """All that lies in a student's folder."""
        home = folder / self._assignment.name
        if home.is_symlink():
            to_do = "put the folder itself there, and grade again"
            self._note(student, home, "it is a link, and links are not followed", to_do, ungraded=True)
            return
        if problem := name_problem(student):
            self._note(student, folder, f"as a folder's name: {problem}", "rename the folder, and grade again")
        self._settle(student, folder, list(_notebooks(folder, self.others | {str(home / self._file)})))

    def _owner(self, name: str) -> str:
        """The student whose a loose file is by its name: as a known system names it, or that of a student's folder."""
        stem = PurePath(name).name.split(".")[0].strip()
        try:
            found = self._naming.owner((name,)).student
        except FileRefused:
            found = stem
        known = (self._submitted / found).is_dir() and not alike(found, self._assignment.name)
        certain = known or (found != stem and not is_archive(name))
        return found if certain and found and not name_problem(found) and not found.startswith(".") else ""

    def _is_of(self, notebook: _Notebook) -> bool:
        own = likeness(notebook.cells, self._assignment)
        return own.certain and not other_assignment(notebook.cells, self._assignment)

    def _settle(
        self, student: str, where: Path, found: list[_Notebook], loose: bool = False, swapped: bool = False
    ) -> None:
        """Take the one notebook that can be meant, or say what is there."""
        home = self._submitted / student / self._assignment.name
        target = home / self._file
        found = [notebook for notebook in found if notebook.path != target]
        if os.path.lexists(target):
            self._beside(student, target, found)
            return
        saved = [notebook for notebook in found if CHECKPOINTS not in notebook.path.parts]
        of_it = {notebook.digest: notebook for notebook in saved if self._is_of(notebook)}
        if len(of_it) == 1:
            self._take(student, *of_it.values(), target)
        elif len(of_it) > 1:
            names = " and ".join(map(str, of_it.values()))
            to_do = f"copy the right one to {target}, and grade again"
            self._note(student, where, f"{len(of_it)} notebooks can be meant: {names}", to_do, ungraded=True)
        elif loose or swapped or home.is_dir() or self._misspelt(where):
            to_do = f"copy the right file to {target}, or ask the student for it, and grade again"
            self._note(student, home if home.is_dir() else where, self._instead(where, found), to_do, ungraded=True)
        elif any(not likeness(notebook.cells, self._assignment).none for notebook in saved):
            to_do = f"if it is meant for this assignment, copy it to {target}, and grade again"
            what = f"there may be work on the assignment in {saved[0]}"
            self._note(student, where, what, to_do, ungraded=True)

    def _misspelt(self, folder: Path) -> bool:
        """Whether something in a student's folder is called as the assignment, or nearly, whatever its ending."""
        names = set(os.listdir(folder)) - self.others if folder.is_dir() else set()
        return any(alike(name.split(".")[0], self._assignment.name) for name in names)

    def _instead(self, where: Path, found: list[_Notebook]) -> str:
        """What there is of a student who has no notebook of the assignment, in words."""
        missing = f"there is no {self._file}"
        if of_it := [notebook for notebook in found if self._is_of(notebook)]:
            return f"{missing}, only what Jupyter saved by itself in {CHECKPOINTS}: {of_it[0]}"
        if found:
            other = other_assignment(found[0].cells, self._assignment)
            looks = f", and looks like the notebook of {other}" if other else ""
            return f"{missing}; {found[0]} holds none of the exercises{looks}"
        names = [path.name for path in _files(where, self.others) if path.name != "timestamp.txt"]
        if not names:
            return f"{missing}, and no other file"
        listed = ", ".join(printable(name, 80) for name in names[:3]) + (" and more" if len(names) > 3 else "")
        if any(name.endswith((".py", ".html", ".pdf")) for name in names):
            return f"{missing}; there is {listed}, which may be what a notebook was exported to"
        return f"{missing}; there is {listed}, which cannot be read as a notebook"

    def _beside(self, student: str, target: Path, found: list[_Notebook]) -> None:
        """Other notebooks of the assignment beside the one that is graded: they may be newer."""
        try:
            graded = hashlib.sha256(read_regular(target, MAX_BYTES)).hexdigest()
        except OSError:
            graded = ""
        for notebook in found:
            if CHECKPOINTS not in notebook.path.parts and notebook.digest != graded and self._is_of(notebook):
                what = f"{notebook} is another notebook of the assignment than the one that is graded"
                to_do = f"if it is the one that is meant, copy it to {target}, and grade again"
                self._note(student, notebook.path, what, to_do)

    def _take(self, student: str, notebook: _Notebook, target: Path) -> None:
        home = target.parent
        try:
            if home.parent.is_symlink() or home.is_symlink():
                raise OSError(0, "a folder on the way there is a link")
            home.mkdir(parents=True, exist_ok=True)
            stamp = notebook.path.parent / "timestamp.txt"
            if notebook.path.parent != self._submitted and stamp.is_file() and not stamp.is_symlink():
                write_whole(home / "timestamp.txt", read_regular(stamp, 1000), replace=False)
            write_whole(target, notebook.raw, replace=False)
        except OSError as error:
            what = f"{notebook} is the notebook of the assignment, and could not be copied: {error.strerror or error}"
            self._note(student, notebook.path, what, f"copy it to {target}, and grade again", ungraded=True)
            return
        source = notebook.path.relative_to(self._submitted)
        name = f"{source}!{notebook.inside}" if notebook.inside else str(source)
        self.taken.append(printable(f"{student}: {name}, copied to {target.relative_to(self._submitted)}", 400))

    def _note(self, student: str, where: Path, what: str, to_do: str, ungraded: bool = False) -> None:
        self.attention.append(Attention(student, where, what, to_do, ungraded))


def _files(where: Path, without: set[str]) -> list[Path]:
    """The regular files at or below ``where``, not many and not deep; without the folders and paths in ``without``."""

    def walk() -> Iterator[Path]:
        for parent, folders, names in os.walk(where):
            deep = len(Path(parent).relative_to(where).parts) >= MAX_DEPTH
            kept = sorted(f for f in folders if f not in without and (not f.startswith(".") or f == CHECKPOINTS))
            folders[:] = [] if deep else kept
            for name in sorted(names):
                path = Path(parent) / name
                if str(path) not in without and is_text(str(path)) and path.is_file() and not path.is_symlink():
                    yield path

    return list(itertools.islice(walk(), MAX_FILES)) if where.is_dir() else [where]


def _notebooks(where: Path, without: set[str]) -> Iterator[_Notebook]:
    for path in _files(where, without):
        yield from _read(path)


def _read(path: Path) -> Iterator[_Notebook]:
    """The notebook that a file is, whatever it is called, or those in an archive. Nothing for anything else."""
    if is_archive(path.name):
        try:
            for entry in archive_entries(path, STUDENT):
                try:
                    if entry_kind(entry) == "notebook":
                        packed = BytesIO()
                        entry.copy(packed, MAX_BYTES)
                        yield from _notebook(path, entry.name, packed.getvalue())
                except FileRefused:
                    continue
        except ArchiveError:
            return
    elif path.name != "timestamp.txt":
        try:
            with path.open("rb") as file:
                start = file.read(64)
            if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                yield from _notebook(path, "", read_regular(path, MAX_BYTES))
        except OSError:
            return


def _notebook(path: Path, inside: str, raw: bytes) -> Iterator[_Notebook]:
    try:
        yield _Notebook(path, inside, raw, parse(raw))
    except Unusable:
        return
