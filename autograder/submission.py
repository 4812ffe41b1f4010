"""What a student handed in: untrusted files, read without executing, following or believing anything in them."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dateutil.parser

from autograder.report import Verdict

MAX_BYTES = 32 << 20
MAX_CELLS = 2000
MAX_SOURCE = 2 << 20


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
        names = _defined(self.source)
        return name in names if names is not None else f"def {name}" in self.source


@functools.lru_cache(maxsize=1024)
def _defined(source: str) -> frozenset[str] | None:
    """The names that ``source`` binds at its top level; None when it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)}
    return frozenset(names)


@dataclass(frozen=True)
class Submission:
    """One student's folder for one assignment. ``problem`` says, when there are no cells, why there are none."""

    student: str
    assignment: str
    folder: Path
    cells: tuple[Cell, ...] = ()
    digest: str = ""
    problem: str = ""
    verdict: Verdict = Verdict.PASSED
    remarks: tuple[str, ...] = ()
    submitted_at: datetime | None = None


class _Unusable(Exception):
    def __init__(self, verdict: Verdict, problem: str) -> None:
        super().__init__(problem)
        self.verdict, self.problem = verdict, problem


def read(folder: Path, student: str, assignment: str) -> Submission:
    """Read ``<folder>/<assignment>.ipynb``. Never raises for what is in the folder: a bad file gives a ``problem``."""
    remarks = list(_other_notebooks(folder, assignment))
    when, complaint = timestamp(folder)
    remarks += [complaint] if complaint else []
    digest = ""
    try:
        raw = _read_file(folder / f"{assignment}.ipynb", remarks)
        digest = hashlib.sha256(raw).hexdigest()
        cells = parse(raw)
    except _Unusable as bad:
        return Submission(student, assignment, folder, (), digest, bad.problem, bad.verdict, tuple(remarks), when)
    return Submission(student, assignment, folder, cells, digest, remarks=tuple(remarks), submitted_at=when)


def list_submissions(submitted: Path, assignment: str) -> list[tuple[str, Path]]:
    """The students who have a folder for ``assignment`` in nbgrader's layout, with that folder, sorted by name."""
    if not submitted.is_dir():
        return []
    found = []
    for entry in sorted(os.scandir(submitted), key=lambda e: e.name):
        folder = Path(entry.path) / assignment
        if entry.is_dir(follow_symlinks=False) and folder.is_dir() and not folder.is_symlink():
            found.append((entry.name, folder))
    return found


def timestamp(folder: Path) -> tuple[datetime | None, str]:
    """When the folder was handed in, from nbgrader's ``timestamp.txt``, in UTC; and a complaint if that is unusable."""
    path = folder / "timestamp.txt"
    try:
        text = _read_small(path)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"timestamp.txt was not used: {error.strerror or error}"
    try:
        when = dateutil.parser.parse(text.strip())
    except (ValueError, OverflowError, TypeError):
        return None, "timestamp.txt was not used: it does not hold a date and time"
    return (when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)), ""


def parse(raw: bytes) -> tuple[Cell, ...]:
    """The cells of a notebook's bytes. Raises an error with the verdict for anything that is not nbformat 4."""

    def bad(problem: str) -> _Unusable:
        return _Unusable(Verdict.UNREADABLE, problem)

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
        return _read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        note = " " + " ".join(remarks) if remarks else ""
        raise _Unusable(Verdict.MISSING, f"there is no {path.name} in the folder.{note}") from None
    except OSError as error:
        raise _Unusable(Verdict.UNREADABLE, f"{path.name} cannot be read: {error.strerror or error}") from None


def _read_small(path: Path) -> str:
    return _read_regular(path, 1000).decode("utf-8", "replace")


def _read_regular(path: Path, limit: int) -> bytes:
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
        return file.read(limit + 1)[: limit + 1]


def _other_notebooks(folder: Path, assignment: str) -> Iterable[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".ipynb"))
    except OSError:
        return
    others = [name for name in names if name != f"{assignment}.ipynb"]
    if others:
        listed = ", ".join(repr(name) for name in others[:3]) + (" and more" if len(others) > 3 else "")
        yield f"The folder also holds {listed}; only {assignment}.ipynb is graded, so rename the right one to that."
