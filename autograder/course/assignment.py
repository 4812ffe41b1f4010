"""An assignment in a course directory: its manifest, its notebooks, and where everything of it lies."""

import re
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from autograder.course import places
from autograder.course.errors import AssignmentError
from autograder.course.manifest import Exercise, Manifest, read_manifest

# While nbformat is imported, jsonschema would compile a grammar for IRIs, which no notebook has, and which takes longer
# than all of our own start.
_grammar = sys.modules.setdefault("rfc3987_syntax", None)
import nbformat  # noqa: E402

if _grammar is None:
    del sys.modules["rfc3987_syntax"]


# What an author writes in ``solutions/<assignment>/`` and no student gets.
AUTHORS_ONLY = ("hidden", "variants", "sample_class.py", "hints.json", "tested.json")
# What stands around a solution in the author's notebook: nbgrader puts a stub in the place of what is between.
SOLUTION_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")
# The folders of suites in ``solutions/<assignment>/``: one decides grades, the other is what ``check`` runs.
HIDDEN, VISIBLE = "hidden", "tests"


@dataclass(frozen=True)
class Assignment:
    """An assignment in a course directory.

    ``root`` is the course's, ``name`` the folder's under ``solutions/``; ``suites`` says which suites grade it, the
    `HIDDEN` ones or, to try them out, the `VISIBLE` ones.
    """

    root: Path
    name: str
    manifest: Manifest
    suites: str = HIDDEN

    @property
    def source(self) -> Path:
        """The folder that the author writes."""
        return self.root / "solutions" / self.name

    @property
    def release(self) -> Path:
        """The folder that students get."""
        return self.root / places.RELEASES / self.name

    @property
    def notebook_path(self) -> Path:
        """The author's notebook, solutions included."""
        return self.source / f"{self.name}.ipynb"

    @property
    def hidden(self) -> Path:
        """The folder of the hidden suites."""
        return self.source / HIDDEN

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The machine-graded exercises, in the manifest's order."""
        return {name: e for name, e in self.manifest.exercise.items() if e.kind == "code"}

    @property
    def written(self) -> dict[str, Exercise]:
        """The exercises that a person grades."""
        return {name: e for name, e in self.manifest.exercise.items() if e.kind == "written"}

    def suite(self, exercise: str) -> Path:
        """The suite that grades one exercise. Raises `AssignmentError` when there is none."""
        path = self.source / self.suites / f"test_{exercise}.py"
        if not path.is_file():
            kind = "visible" if self.suites == VISIBLE else "hidden"
            raise AssignmentError(f"{self.name}: there is no {kind} suite for {exercise}; write {path}")
        return path

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """The author's notebook. Raises `AssignmentError` when it cannot be read."""
        return _read_notebook(self.notebook_path, "the author's notebook, solutions included, has to be there")

    @cached_property
    def released_notebook(self) -> nbformat.NotebookNode:
        """The notebook that students get, not to be changed. Raises `AssignmentError` when it has not been made."""
        return _read_notebook(self.release / f"{self.name}.ipynb", f"run `autograder release {self.name}`")


def reference_sources(assignment: Assignment) -> dict[str, str]:
    """The author's own solution cells, by grade_id, without nbgrader's markers."""
    sources = {}
    for cell in assignment.notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id in assignment.manifest.exercise:
            lines = [line for line in cell.source.splitlines() if line.strip() not in SOLUTION_MARKS]
            sources[grade_id] = "\n".join(lines)
    return sources


def load_assignment(root: Path, name: str) -> Assignment:
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
        if assignment_names(folder):
            return folder
    raise AssignmentError(
        f"{start} is not in a course directory (a folder with solutions/<assignment>/assignment.toml); "
        "change into one or name it with --root"
    )


def _read_notebook(path: Path, if_absent: str) -> nbformat.NotebookNode:
    try:
        about = path.stat()
        return _read_once(path, about.st_mtime_ns, about.st_size)
    except FileNotFoundError:
        raise AssignmentError(f"{path} does not exist; {if_absent}") from None
    except Exception as error:
        raise AssignmentError(f"{path} cannot be read as a notebook: {error}") from None


@lru_cache(maxsize=16)  # every submission is put into the shape of the same release
def _read_once(path: Path, mtime: int, size: int) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)
