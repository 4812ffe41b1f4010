"""Otter's way: ``otter run``, where otter-grader is installed, with each suite as one of its test files.

Otter knows points and no gates, so an exercise becomes two of its questions, the tests and the gates, and its points
are reckoned from the two as in a report.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from autograder.course.assignment import Assignment
from benchmarks.course import Run
from benchmarks.ours import run
from benchmarks.pasted import SEED

# Appended to a suite: each of its tests, wrapped as a test case of Otter's.
ADAPTER = """

import inspect as _inspect

from otter.test_files import test_case as _test_case

from autograder.suite.student import LocalStudent as _LocalStudent

OK_FORMAT = False
name = {question!r}


def _case(test, weight):
    def run(env):
        torch.set_num_threads(1)
        given = {{"student": _LocalStudent(env, {forbidden!r}), "rng": torch.Generator().manual_seed({seed})}}
        try:
            test(**{{argument: given[argument] for argument in _inspect.signature(test).parameters}})
        except BaseException as error:  # pytest's own failures are no Exception, and Otter catches no other
            raise AssertionError(type(error).__name__) from None

    return _test_case(name=test.__name__, points=weight, hidden=True)(run)


for _name, _test in list(globals().items()):
    if not _name.startswith("test_"):
        continue
    _marks = {{mark.name: mark for mark in getattr(_test, "pytestmark", ())}}
    if ("gate" in _marks) == {gates}:
        globals()["case_" + _name] = _case(_test, _marks["points"].args[0] if "points" in _marks else 1)
"""


class OtterCourse:
    """The assignment as Otter's autograder archive, made by the program at ``program``."""

    def __init__(self, folder: Path, assignment: Assignment, submitted: Path, program: Path) -> None:
        self.root, self.assignment, self.program = folder, assignment, program.absolute()
        self._submitted = submitted
        tests = folder / "tests"
        tests.mkdir(parents=True)
        for exercise, about in assignment.exercises.items():
            suite = assignment.suite(exercise).read_text()
            for gates in (False, True):
                question = _question(exercise, gates)
                told = {"question": question, "gates": gates, "forbidden": about.forbidden_operators, "seed": SEED}
                (tests / f"{question}.py").write_text(suite + ADAPTER.format(**told))
        self._otter("generate", "--tests-dir", "tests", "--output-path", "autograder.zip")

    def everything(self, students: Sequence[str]) -> Run:
        """Grade some students, one command each, as ``otter run`` is made to."""
        grades, seconds = {}, 0.0
        for student in students:
            notebook = self._submitted / student / self.assignment.name / f"{self.assignment.name}.ipynb"
            results = self.root / "results"
            shutil.rmtree(results, ignore_errors=True)
            results.mkdir()
            started = time.perf_counter()
            self._otter("run", str(notebook), "-a", "autograder.zip", "-o", str(results), "--no-logo")
            seconds += time.perf_counter() - started
            grades[student] = self._points(json.loads((results / "results.json").read_text()))
        return Run(seconds, grades)

    def _points(self, results: dict[str, object]) -> dict[str, float]:
        questions = {t["name"]: t for t in results["tests"]}
        points = {}
        for exercise, about in self.assignment.exercises.items():
            tests = questions[_question(exercise, False)]
            gates = questions[_question(exercise, True)]
            held = gates["score"] == gates["max_score"]
            share = tests["score"] / tests["max_score"]
            points[exercise] = round(about.points * share * (1.0 if held else about.gate_credit), 2)
        return points

    def _otter(self, *words: str) -> None:
        run([str(self.program), *words], self.root)


def _question(exercise: str, gates: bool) -> str:
    return f"{exercise}_gates" if gates else exercise
