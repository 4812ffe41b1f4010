"""What every way of grading is measured on: a course in an empty folder, and a class whose right grades are known.

The class repeats the well-behaved part of the assignment's sample class: submissions that every grader can run to
their end and that are graded by their values alone. Nothing in them kills its process, forges or edits, and everything
stands above the cell that checks it, as graders need that run a notebook from top to bottom.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.authoring import sample_class
from autograder.authoring.sample_class import Recipe
from autograder.course.assignment import Assignment, load_assignment
from autograder.course.submission import parse
from autograder.course.verdict import Verdict

ROOT = Path(__file__).resolve().parents[1]
HARMLESS = {Verdict.PASSED, Verdict.WRONG, Verdict.LOOPS, Verdict.FORBIDDEN}

Grades = Mapping[str, Mapping[str, float]]
"""The points of each student in each machine-graded exercise."""


@dataclass(frozen=True)
class Run:
    """One way's run over some submissions: how long it took by the clock, and the grades that came of it."""

    seconds: float
    grades: Grades

    @property
    def each(self) -> float:
        """Seconds by the clock for one submission."""
        return self.seconds / len(self.grades)


class DifferentGrades(Exception):
    """A way of grading gave another grade than it should, so its speed means nothing."""


def make_course(target: Path, name: str) -> Assignment:
    """Copy what a course needs for one assignment into the new folder ``target``."""
    for part in (f"solutions/{name}", f"assignments/{name}"):
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    shutil.copy(ROOT / "nbgrader_config.py", target)
    return load_assignment(target, name)


def well_behaved(assignment: Assignment) -> list[Recipe]:
    """The recipes of the sample class whose submissions any grader can run."""
    return [recipe for recipe in sample_class.recipes(assignment) if _is_well_behaved(recipe, assignment)]


def _is_well_behaved(recipe: Recipe, assignment: Assignment) -> bool:
    if recipe.absent or recipe.edit or recipe.file or recipe.verdict:
        return False
    return {Verdict(v) for v in recipe.verdicts.values()} <= HARMLESS and _is_in_order(recipe, assignment)


def _is_in_order(recipe: Recipe, assignment: Assignment) -> bool:
    undefined = set(assignment.exercises)
    for cell in parse(sample_class.notebook_bytes(recipe, assignment)):
        undefined -= {name for name in undefined if cell.defines(name)}
        if (cell.grade_id or "").removeprefix("check-") in undefined and cell.grade_id not in undefined:
            return False
    return True


def make_class(assignment: Assignment, submitted: Path, recipes: Sequence[Recipe], count: int) -> Grades:
    """Write ``count`` submissions into ``submitted`` in nbgrader's layout; returns the grades that they must get.

    The students take the recipes in turn, and students sorted by name are in that order, so that the first few of them
    are as varied as all.
    """
    due: dict[str, dict[str, float]] = {}
    made = {recipe.student: sample_class.notebook_bytes(recipe, assignment) for recipe in recipes}
    for number, recipe in zip(range(count), itertools.cycle(recipes), strict=False):
        student = f"{number:05}-{recipe.student}"
        folder = submitted / student / assignment.name
        folder.mkdir(parents=True)
        (folder / f"{assignment.name}.ipynb").write_bytes(made[recipe.student])
        handed_in = assignment.manifest.due + recipe.late
        (folder / "timestamp.txt").write_text(handed_in.strftime("%Y-%m-%d %H:%M:%S %Z\n"))
        due[student] = {exercise: recipe.score_of(exercise, assignment) for exercise in assignment.exercises}
    return due


def require_same(way: str, got: Grades, due: Grades) -> None:
    """Raise `DifferentGrades` unless ``got`` holds some of the students of ``due``, each with the grades due."""
    wrong = [] if got else ["it graded nobody"]
    for student, points in got.items():
        for exercise, right in due[student].items():
            given = points.get(exercise)
            if given is None or abs(given - right) > 0.0051:
                wrong.append(f"{student} got {given} in {exercise}, not {right:g}")
    if wrong:
        more = f", and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise DifferentGrades(f"{way} gives other grades than it should: {'; '.join(wrong[:10])}{more}")
