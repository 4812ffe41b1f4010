"""Makes a class of submissions from recipes, to try a course out and to test the grader on.

A recipe says what one student did, and the verdicts and score that must come of it. An assignment's recipes stand in
``solutions/<assignment>/sample_class.py`` as ``RECIPES``.
"""

import copy
import importlib.util
import json
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat

from autograder.course import files
from autograder.course.assignment import Assignment, reference_sources
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.course.text import printable
from autograder.course.verdict import Verdict

REFERENCE = "reference"
STUB = "stub"


@dataclass(frozen=True)
class Recipe:
    """One student's submission and the grade it must get.

    ``cells`` gives the source of cells by grade_id; every exercise not named there holds the reference solution.
    ``verdicts`` gives the verdict of each exercise that does not pass, ``shares`` the share of its points that it keeps
    (left out: all if it passes, the manifest's gate credit if it fails only its gate, else none).
    """

    student: str
    story: str
    cells: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    late: timedelta = timedelta(hours=-3)
    extra_cells: tuple[tuple[str, str], ...] = ()
    edit: Callable[[dict[str, Any]], None] | None = None
    file: Callable[[bytes], bytes] | None = None
    absent: bool = False
    verdict: str | None = None

    def verdict_of(self, exercise: str) -> Verdict:
        """The verdict that an exercise must get."""
        return Verdict(self.verdict or self.verdicts.get(exercise, "passed"))

    def score_of(self, exercise: str, assignment: Assignment) -> float:
        """The points that an exercise must get."""
        about, verdict = assignment.exercises[exercise], self.verdict_of(exercise)
        if exercise in self.shares:
            share = self.shares[exercise]
        elif verdict is Verdict.PASSED:
            share = 1.0
        else:
            share = about.gate_credit if verdict is Verdict.LOOPS else 0.0
        return round(about.points * share, 2)

    def differences(self, report: Report, assignment: Assignment) -> list[str]:
        """How ``report`` differs from what the recipe states, a sentence each; empty when it is as stated."""
        found = []
        for result in report.exercises:
            verdict, score = self.verdict_of(result.name), self.score_of(result.name, assignment)
            if result.verdict is not verdict or abs(result.score - score) > 0.011:
                found.append(
                    f"{self.student}: {result.name} got {result.verdict} and {result.score:g} points, "
                    f"not {verdict} and {score:g}"
                )
        return found


def recipes(assignment: Assignment) -> list[Recipe]:
    """The recipes of an assignment's sample class. Raises `AssignmentError` when it has none."""
    path = assignment.source / "sample_class.py"
    if not path.is_file():
        raise AssignmentError(f"{assignment.name} has no sample class; write {path}, as CONTRIBUTING.md shows")
    made = getattr(load_module(path), "RECIPES", None)
    if not made:
        raise AssignmentError(f"{path} should say RECIPES = [Recipe(…), …], one for each student")
    return made


def load_module(path: Path) -> Any:
    """Import a file of the author's by its path. Raises `AssignmentError` with the line that fails."""
    spec = importlib.util.spec_from_file_location(f"_autograder_{path.parent.name}_{path.stem}".replace("-", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        at = f", line {line}," if line else ""
        why = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        raise AssignmentError(f"{path}{at} cannot be imported: {printable(why, 300)}") from error
    return module


def make_class(assignment: Assignment, submitted: Path) -> list[Recipe]:
    """Write the sample class into ``submitted`` in nbgrader's layout, replacing what was there for this assignment.

    A submission whose content is as it was keeps its file, so that a second run finds nothing to grade.
    """
    made = recipes(assignment)
    for recipe in made:
        folder = submitted / recipe.student / assignment.name
        if recipe.absent:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        files.write_whole(folder / f"{assignment.name}.ipynb", notebook_bytes(recipe, assignment))
        handed_in = assignment.manifest.due + recipe.late
        files.write_whole(folder / "timestamp.txt", handed_in.strftime("%Y-%m-%d %H:%M:%S %Z\n"))
    return made


def notebook_bytes(recipe: Recipe, assignment: Assignment) -> bytes:
    """The notebook file that a recipe describes."""
    notebook = copy.deepcopy(assignment.released_notebook)
    reference = reference_sources(assignment)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        source = recipe.cells.get(grade_id, REFERENCE if grade_id in assignment.exercises else STUB)
        if source == REFERENCE:
            cell.source = reference[grade_id]
        elif source != STUB:
            cell.source = source
    for grade_id, source in recipe.extra_cells:
        at = next(
            i for i, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
        )
        # A fixed id, so that the file is the same at every making.
        extra = nbformat.v4.new_code_cell(source, id=f"extra-{at}")
        notebook.cells.insert(at + 1, extra)
    tree = json.loads(nbformat.writes(notebook, version=4))
    if recipe.edit:
        recipe.edit(tree)
    raw = (json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode()
    return recipe.file(raw) if recipe.file else raw
