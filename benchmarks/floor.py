"""The floor: the same cells and the same calls in one bare warm process a core. No jail, no wire, no gradebook.

Nobody should grade this way, since a submission could do anything to the process that judges it. It is the least time
that this machine needs for the work itself.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import torch

from autograder.course.assignment import Assignment, load_assignment
from autograder.course.report import score_exercise
from autograder.course.submission import read_submission
from autograder.grading import keys
from autograder.grading.session import cells_to_run
from autograder.suite.runner import run_suite
from autograder.suite.student import LocalStudent
from benchmarks.course import Run

Points = dict[str, float]


class Floor:
    """Warm processes that grade submissions of one course."""

    def __init__(self, pool: ProcessPoolExecutor, root: Path, name: str) -> None:
        self._pool, self._root, self._name = pool, root, name

    def everything(self, students: Sequence[str]) -> Run:
        """Grade some of the course's students."""
        started = time.perf_counter()
        jobs = [self._pool.submit(_grade, self._root, self._name, student) for student in students]
        grades = {student: job.result() for student, job in zip(students, jobs, strict=True)}
        return Run(time.perf_counter() - started, grades)


@contextmanager
def warm(root: Path, name: str, jobs: int, students: Sequence[str]) -> Iterator[Floor]:
    """A `Floor` of ``jobs`` processes which have all that is slow once behind them."""
    context = get_context("spawn")
    arguments = (root, name, tuple(students[:3]))
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_warm_up, initargs=arguments) as pool:
        floor = Floor(pool, root, name)
        floor.everything(list(students[: 2 * jobs]))
        yield floor


def _warm_up(root: Path, name: str, students: Sequence[str]) -> None:
    torch.set_num_threads(1)
    for student in students:
        _grade(root, name, student)


def _grade(root: Path, name: str, student: str) -> Points:
    return grade(load_assignment(root, name), student)


def grade(assignment: Assignment, student: str) -> Points:
    """The points of one submission, graded in this process."""
    seed = keys.assignment_seed(keys.course_secret(assignment.root), assignment.name)
    submission = read_submission(assignment.root / "submitted" / student / assignment.name, student, assignment.name)
    namespace: dict[str, object] = {"__name__": "__main__"}
    points = {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for number, cell in enumerate(cells_to_run(assignment, submission), 1):
            exec(compile(cell.source, f"<cell {number}>", "exec"), namespace)
        for exercise, about in assignment.exercises.items():
            stand_in = LocalStudent(namespace, about.forbidden_operators)
            tests = list(run_suite(assignment.suite(exercise), stand_in, seed).results)
            points[exercise] = score_exercise(tests, about.points, about.gate_credit)
    return points
