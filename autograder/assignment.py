"""An assignment as its author states it: ``assignment.toml`` beside the nbgrader source notebook, read and checked."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

# While nbformat is imported, jsonschema would compile a grammar for IRIs, which no notebook has, and which takes longer
# than all of our own start.
_grammar = sys.modules.setdefault("rfc3987_syntax", None)
import nbformat  # noqa: E402

if _grammar is None:
    del sys.modules["rfc3987_syntax"]

ROOT_MARKERS = ("solutions", "autograder")


class GradingError(Exception):
    """A fault of the harness or of a suite, never of the submission."""


class AssignmentError(Exception):
    """Something an author can mend. The message is one sentence that says what, where, and what to do."""


class LateStep(BaseModel):
    """Work handed in at most ``within_hours`` late loses the share ``loses`` of its score."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    within_hours: Annotated[float, Field(gt=0)]
    loses: Annotated[float, Field(ge=0, le=1)]


class Limits(BaseModel):
    """What one submission may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    cell_seconds: Annotated[float, Field(gt=0)] = 10.0
    call_seconds: Annotated[float, Field(gt=0)] = 5.0
    memory_mb: Annotated[int, Field(ge=64)] = 1024
    output_kb: Annotated[int, Field(ge=1)] = 1024
    processes: Annotated[int, Field(ge=1)] = 32


class Exercise(BaseModel):
    """One exercise. ``forbid`` holds operators (``aten::conv*``, seen at run time) and dotted names (in the source)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    points: Annotated[float, Field(gt=0)]
    kind: Literal["code", "written"] = "code"
    loop_free: bool = False
    forbid: tuple[str, ...] = ()
    gate_credit: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def forbidden_operators(self) -> tuple[str, ...]:
        """The patterns in ``forbid`` that name dispatched operators."""
        return tuple(pattern for pattern in self.forbid if "::" in pattern)

    @property
    def forbidden_names(self) -> tuple[str, ...]:
        """The patterns in ``forbid`` that name Python objects."""
        return tuple(pattern for pattern in self.forbid if "::" not in pattern)


class Manifest(BaseModel):
    """``assignment.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    due: datetime
    late: tuple[LateStep, ...] = ()
    limits: Limits = Limits()
    exercise: dict[str, Exercise]

    @field_validator("due")
    @classmethod
    def _with_zone(cls, due: datetime) -> datetime:
        if due.tzinfo is None:
            raise ValueError("needs a time zone, for example 2026-12-01T23:59:00+00:00")
        return due

    @field_validator("late")
    @classmethod
    def _in_order(cls, steps: tuple[LateStep, ...]) -> tuple[LateStep, ...]:
        hours = [step.within_hours for step in steps]
        if hours != sorted(set(hours)):
            raise ValueError("steps should be listed by growing within_hours")
        return steps

    @field_validator("exercise")
    @classmethod
    def _at_least_one(cls, exercises: dict[str, Exercise]) -> dict[str, Exercise]:
        if not exercises:
            raise ValueError("needs at least one [exercise.<name>] table")
        for name in exercises:
            if not name.isidentifier():
                raise ValueError(f"the exercise name {name!r} should be a Python identifier")
        return exercises

    def penalty(self, seconds_late: float) -> float:
        """The share of its score that work handed in ``seconds_late`` after the due time loses, from 0 to 1."""
        if seconds_late <= 0:
            return 0.0
        for step in self.late:
            if seconds_late <= step.within_hours * 3600:
                return step.loses
        return 1.0 if self.late else 0.0


@dataclass(frozen=True)
class Assignment:
    """An assignment in a course directory. ``root`` is the course's, ``name`` the folder's under ``solutions/``."""

    root: Path
    name: str
    manifest: Manifest

    @property
    def source(self) -> Path:
        """The folder that the author writes."""
        return self.root / "solutions" / self.name

    @property
    def release(self) -> Path:
        """The folder that students get."""
        return self.root / "assignments" / self.name

    @property
    def notebook_path(self) -> Path:
        """The author's notebook, solutions included."""
        return self.source / f"{self.name}.ipynb"

    @property
    def suites(self) -> Path:
        """The folder of the hidden suites."""
        return self.root / "autograder" / "suites" / self.name

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The machine-graded exercises, in the manifest's order."""
        return {name: e for name, e in self.manifest.exercise.items() if e.kind == "code"}

    @property
    def written(self) -> dict[str, Exercise]:
        """The exercises that a person grades."""
        return {name: e for name, e in self.manifest.exercise.items() if e.kind == "written"}

    def suite(self, exercise: str) -> Path:
        """The hidden suite of one exercise. Raises `AssignmentError` when there is none."""
        path = self.suites / f"test_{exercise}.py"
        if not path.is_file():
            raise AssignmentError(f"{self.name}: there is no hidden suite for {exercise}; write {path}")
        return path

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """The author's notebook. Raises `AssignmentError` when it cannot be read."""
        return _read_notebook(self.notebook_path)

    @cached_property
    def released_notebook(self) -> nbformat.NotebookNode:
        """The notebook that students get, not to be changed. Raises `AssignmentError` when it has not been made."""
        return _read_notebook(self.release / f"{self.name}.ipynb")


def load(root: Path, name: str) -> Assignment:
    """Read ``solutions/<name>/assignment.toml``.

    Raises `AssignmentError` for an unknown assignment and for a manifest that is malformed or does not agree with the
    notebook.
    """
    folder = root / "solutions" / name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or not folder.is_dir():
        known = ", ".join(assignment_names(root)) or "none"
        raise AssignmentError(f"there is no assignment called {name!r} in {root / 'solutions'}; there is: {known}")
    return Assignment(root, name, read_manifest(folder / "assignment.toml"))


def assignment_names(root: Path) -> list[str]:
    """The assignments of a course directory, sorted."""
    return sorted(path.parent.name for path in (root / "solutions").glob("*/assignment.toml"))


def find_root(start: Path) -> Path:
    """The course directory that holds ``start``. Raises `AssignmentError` when there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if all((folder / marker).is_dir() for marker in ROOT_MARKERS):
            return folder
    raise AssignmentError(
        f"{start} is not in a course directory (a folder with solutions/ and autograder/); "
        "change into one or name it with --root"
    )


def read_manifest(path: Path) -> Manifest:
    """Read and check one ``assignment.toml``. Raises `AssignmentError` with the first thing that is wrong with it."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except FileNotFoundError:
        raise AssignmentError(f"{path} does not exist; every assignment needs one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path} is not valid TOML: {error}") from None
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise AssignmentError(f"{path}: {where}: {what[0].lower()}{what[1:]}") from None


def _read_notebook(path: Path) -> nbformat.NotebookNode:
    try:
        about = path.stat()
        return _read_once(path, about.st_mtime_ns, about.st_size)
    except FileNotFoundError:
        raise AssignmentError(f"{path} does not exist; run `autograder release {path.stem}`") from None
    except Exception as error:
        raise AssignmentError(f"{path} cannot be read as a notebook: {error}") from None


@lru_cache(maxsize=16)  # every submission is put into the shape of the same release
def _read_once(path: Path, mtime: int, size: int) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)
