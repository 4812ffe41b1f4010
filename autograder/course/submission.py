"""What a student handed in: untrusted files, read without executing, following or believing anything in them."""

import ast
import functools
import hashlib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dateutil.parser

from autograder.course.syntax import UNREADABLE, syntax_tree
from autograder.course.verdict import Verdict

MAX_BYTES = 32 << 20
MAX_CELLS = 2000
MAX_SOURCE = 2 << 20
MAX_VALUES = 2_000_000  # of a notebook's JSON: each takes some 100 bytes, so that 32 MB could become gigabytes


@dataclass(frozen=True)
class Cell:
    """One cell as submitted. ``grade_id`` is what its metadata claims, which decides nothing by itself."""

    kind: str
    source: str
    grade_id: str | None = None

    def defines(self, name: str) -> bool:
        """Whether the cell, as Python, binds ``name`` at its top level."""
        if self.kind != "code" or name not in self.source:
            return False
        return name in self._names if self._names is not None else f"def {name}" in self.source

    @functools.cached_property
    def words(self) -> str:
        """The source as `words_of` gives it."""
        return words_of(self.source)

    @functools.cached_property
    def _names(self) -> frozenset[str] | None:
        """The names that the cell binds at its top level; None when it is not Python, or too long to be asked."""
        try:
            body = syntax_tree(self.source).body
        except UNREADABLE:
            return None
        names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        return frozenset(names | {target.id for target in targets if isinstance(target, ast.Name)})


@dataclass(frozen=True)
class Submission:
    """One student's folder for one assignment. ``problem`` says why it could not be read; it then has no cells."""

    student: str
    assignment: str
    folder: Path
    cells: tuple[Cell, ...] = ()
    digest: str = ""
    problem: str = ""
    verdict: Verdict = Verdict.PASSED
    remarks: tuple[str, ...] = ()
    submitted_at: datetime | None = None


class Unusable(Exception):
    """A notebook that cannot be graded: its verdict, and the problem in a sentence."""

    def __init__(self, verdict: Verdict, problem: str) -> None:
        super().__init__(problem)
        self.verdict, self.problem = verdict, problem


def words_of(source: str) -> str:
    """A cell's text whatever its line ends and spaces, which editors change."""
    return " ".join(source.split())


def read_submission(folder: Path, student: str, assignment: str) -> Submission:
    """Read ``<folder>/<assignment>.ipynb``. Never raises for what is in the folder: a bad file gives a ``problem``."""
    remarks = list(_other_notebooks(folder, assignment))
    when, complaint = timestamp(folder)
    remarks += [complaint] if complaint else []
    digest = ""
    try:
        raw = _read_file(folder / f"{assignment}.ipynb", remarks)
        digest = hashlib.sha256(raw).hexdigest()
        cells = parse(raw)
    except Unusable as bad:
        return Submission(student, assignment, folder, (), digest, bad.problem, bad.verdict, tuple(remarks), when)
    return Submission(student, assignment, folder, cells, digest, remarks=tuple(remarks), submitted_at=when)


def list_submissions(submitted: Path, assignment: str) -> list[tuple[str, Path]]:
    """The students who have a folder for ``assignment`` in nbgrader's layout, with that folder, sorted by name."""
    if not submitted.is_dir():
        return []
    found = []
    for entry in sorted(os.scandir(submitted), key=lambda e: e.name):
        folder = Path(entry.path) / assignment
        if is_text(entry.name) and not entry.is_symlink() and folder.is_dir() and not folder.is_symlink():
            found.append((entry.name, folder))
    return found


def unnamed_submissions(submitted: Path, assignment: str) -> list[str]:
    """A sentence for each student's folder whose name is not text, so that no gradebook can hold a grade for it."""
    if not submitted.is_dir():
        return []
    return [
        f"{entry.name!a} is not graded: the folder's name is not text in UTF-8; rename it"
        for entry in os.scandir(submitted)
        if not is_text(entry.name) and (Path(entry.path) / assignment).is_dir()
    ]


def is_text(name: str) -> bool:
    """Whether a file's name can be written in UTF-8, as a gradebook does."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def timestamp(folder: Path) -> tuple[datetime | None, str]:
    """When the folder was handed in, from nbgrader's ``timestamp.txt``, in UTC; and a complaint if that is unusable."""
    path = folder / "timestamp.txt"
    try:
        text = _read_small(path)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"timestamp.txt was not used: {error.strerror or error}"
    when = parse_time(text.strip())
    return when, "" if when else "timestamp.txt was not used: it does not hold a date and time"


def parse_time(text: str) -> datetime | None:
    """The date and time that a text states, in UTC; None when it states none."""
    try:
        when = dateutil.parser.parse(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return None


def parse(raw: bytes) -> tuple[Cell, ...]:
    """The cells of a notebook's bytes. Raises `Unusable` for anything that is not nbformat 4."""

    def bad(problem: str) -> Unusable:
        return Unusable(Verdict.UNREADABLE, problem)

    if _values(raw) > MAX_VALUES:
        raise bad(f"the notebook is made of more than {MAX_VALUES:,} values; clear its outputs and save it again")
    try:
        tree = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise bad("the file is not text in UTF-8") from None
    except (ValueError, RecursionError, MemoryError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise bad(f"the file is not a notebook: it is not valid JSON{where}; it may have been cut short") from None
    if not isinstance(tree, dict) or type(tree.get("nbformat")) is not int:
        raise bad("the file is not a notebook: it does not say which notebook format it has")
    if tree["nbformat"] != 4:
        raise bad(f"the notebook has format {tree['nbformat']}; open it in Jupyter and save it, which makes format 4")
    cells = tree.get("cells")
    if not isinstance(cells, list):
        raise bad("the notebook has no list of cells")
    if len(cells) > MAX_CELLS:
        raise bad(f"the notebook has {len(cells)} cells, and at most {MAX_CELLS} are read")
    found = tuple(_cell(number, cell, bad) for number, cell in enumerate(cells, 1))
    if sum(len(cell.source) for cell in found) > MAX_SOURCE:
        raise bad(f"the notebook's cells hold more than {MAX_SOURCE >> 20} MB of text")
    return found


def _values(raw: bytes) -> int:
    """At least how many values the JSON in ``raw`` holds."""
    count = sum(map(raw.count, (b",", b"[", b"{")))
    if count <= MAX_VALUES:
        return count
    # A picture or a table in an output is one text with many commas, so what stands in texts does not count.
    return sum(1 for _ in itertools.islice(_VALUE.finditer(raw), MAX_VALUES + 1))


# One value's beginning, and what is before it. The end of the file ends a text as well: a search that fails would begin
# anew at every quotation mark.
_VALUE = re.compile(rb'(?:[^",\[{]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+[,\[{]', re.DOTALL)


def _cell(number: int, cell: Any, bad: Any) -> Cell:
    if not isinstance(cell, dict):
        raise bad(f"cell {number} is not a cell")
    kind, source = cell.get("cell_type"), cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
        raise bad(f"cell {number} has no type or source that a notebook can have")
    # Lone surrogates and NULs cannot be compiled, printed or stored; line ends may be Windows'.
    source = (
        source.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    )
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    return Cell(kind, source, grade_id if isinstance(grade_id, str) else None)


def _read_file(path: Path, remarks: list[str]) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        note = " " + " ".join(remarks) if remarks else ""
        raise Unusable(Verdict.MISSING, f"there is no {path.name} in the folder.{note}") from None
    except OSError as error:
        raise Unusable(Verdict.UNREADABLE, f"{path.name} cannot be read: {error.strerror or error}") from None


def _read_small(path: Path) -> str:
    return read_regular(path, 1000).decode("utf-8", "replace")


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file. Raises ``OSError`` for a link, anything else, and more than ``limit`` bytes."""
    # Not following links and not blocking: a link could lead to another's work, a FIFO would wait for ever.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise OSError(error.errno, "it is a link, and links are not followed") from None
        raise
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "it is not a regular file")
        if about.st_size > limit:
            raise OSError(0, f"it has {about.st_size} bytes, and at most {limit} are read")
        raw = file.read(limit + 1)
        if len(raw) > limit:  # it has grown meanwhile
            raise OSError(0, f"it has more than {limit} bytes")
        return raw


def _other_notebooks(folder: Path, assignment: str) -> Iterable[str]:
    graded = folder / f"{assignment}.ipynb"
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".ipynb"))
    except OSError:
        return
    others = [name for name in names if name != graded.name and not same_content(folder / name, graded)]
    if others:
        listed = ", ".join(repr(name) for name in others[:3]) + (" and more" if len(others) > 3 else "")
        yield f"The folder also holds {listed}; only {assignment}.ipynb is graded, so rename the right one to that."


def same_content(path: Path, other: Path) -> bool:
    """Whether two paths are regular files of the same bytes. Follows no link."""
    try:
        return read_regular(path, MAX_BYTES) == read_regular(other, MAX_BYTES)
    except OSError:
        return False
