"""The way that a course without a harness goes: plain ``nbgrader autograde``, our suites pasted in as hidden tests.

The course has nbgrader's defaults, its own execution in a kernel among them. The submissions are the same files.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from autograder.course.assignment import Assignment
from benchmarks.course import Grades, Run
from benchmarks.ours import recorded_grades, run
from benchmarks.pasted import scoring_cell


class StockCourse:
    """A course of nbgrader's with the first submissions of a class in it."""

    def __init__(self, folder: Path, assignment: Assignment, submitted: Path, students: Sequence[str]) -> None:
        self.root, self.name = folder, assignment.name
        for student in students:
            shutil.copytree(submitted / student, folder / "submitted" / student)
        source = folder / "source" / self.name
        source.mkdir(parents=True)
        nbformat.write(with_hidden_tests(assignment), source / f"{self.name}.ipynb")
        (folder / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "stock"\n')
        self._nbgrader("generate_assignment", self.name)
        shutil.copy(folder / "gradebook.db", folder / "gradebook.fresh")

    def everything(self) -> Run:
        """Autograde the class from nothing; stock nbgrader takes one submission after another."""
        shutil.rmtree(self.root / "autograded", ignore_errors=True)
        shutil.copy(self.root / "gradebook.fresh", self.root / "gradebook.db")
        started = time.perf_counter()
        self._nbgrader("autograde", self.name)
        seconds = time.perf_counter() - started
        grades: Grades = recorded_grades(self.root, self.name)
        return Run(seconds, grades)

    def _nbgrader(self, *words: str) -> None:
        programs = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        run([str(programs / "nbgrader"), *words], self.root, environment)


def with_hidden_tests(assignment: Assignment) -> nbformat.NotebookNode:
    """The author's notebook, each check replaced by the hidden suite between nbgrader's marks."""
    notebook = copy.deepcopy(assignment.notebook)
    for cell in notebook.cells:
        exercise = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix("check-")
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"check-{exercise}":
            hidden = scoring_cell(assignment, exercise)
            cell.source = f"### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
    return notebook
