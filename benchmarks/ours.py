"""Our own way: the command ``autograder grade``, as an instructor runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.authoring.sample_class import Recipe
from autograder.course import places
from autograder.course.assignment import Assignment
from autograder.nbgrader.config import gradebook_url
from benchmarks.course import Grades, Run, make_class, make_course


class OurCourse:
    """A course with a class in it, that can be graded again and again as if for the first time."""

    def __init__(self, folder: Path, name: str, recipes: Sequence[Recipe], count: int) -> None:
        self.assignment: Assignment = make_course(folder, name)
        self.root = folder
        self.due: Grades = make_class(self.assignment, folder / "submitted", recipes, count)
        self._autograder("release", name)
        shutil.copy(folder / "gradebook.db", folder / "gradebook.fresh")

    def forget(self) -> None:
        """Make the course as it was before anything was graded."""
        for made in (places.REPORTS, places.LATEST, "autograded", "feedback"):
            shutil.rmtree(self.root / made, ignore_errors=True)
        for left in self.root.glob("gradebook.db*"):
            left.unlink()
        shutil.copy(self.root / "gradebook.fresh", self.root / "gradebook.db")

    def reports(self, jobs: int, students: Sequence[str] = ()) -> Run:
        """Grade from nothing to reports alone: the whole class, or some of its ``students``."""
        self.forget()
        chosen = [word for student in students for word in ("--student", student)]
        seconds, said = self._grade(jobs, "--no-gradebook", "--json", *chosen)
        reports = [json.loads(line) for line in said.splitlines()]
        return Run(seconds, {r["student"]: {e["name"]: e["score"] for e in r["exercises"]} for r in reports})

    def everything(self, jobs: int, again: bool = False) -> Run:
        """Grade to gradebook, notebooks and feedback; from nothing, or ``again`` what was graded just before."""
        if not again:
            self.forget()
        seconds, _ = self._grade(jobs)
        return Run(seconds, recorded_grades(self.root, self.assignment.name))

    def grade_command(self, jobs: int, *options: str) -> list[str]:
        """The command that grades the class."""
        return [*self._command(), "grade", self.assignment.name, "--jobs", str(jobs), *options]

    def _grade(self, jobs: int, *options: str) -> tuple[float, str]:
        started = time.perf_counter()
        said = run(self.grade_command(jobs, *options), self.root)
        return time.perf_counter() - started, said

    def _autograder(self, *words: str) -> None:
        run([*self._command(), *words], self.root)

    def _command(self) -> list[str]:
        return [str(Path(sys.executable).parent / "autograder"), "--root", str(self.root)]


def run(words: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command to its end; returns what it printed. Raises `RuntimeError` with its last words when it fails."""
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def recorded_grades(root: Path, name: str) -> dict[str, dict[str, float]]:
    """The automatic scores that the gradebook of a course holds."""
    with Gradebook(gradebook_url(root)) as gradebook:
        return {
            submission.student.id: {
                grade.cell.name.removeprefix("check-"): grade.auto_score
                for notebook in submission.notebooks
                for grade in notebook.grades
                if grade.cell.name.startswith("check-")
            }
            for submission in gradebook.assignment_submissions(name)
        }
