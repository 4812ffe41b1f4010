"""Finds out quickly which mutants a hidden suite refuses, so that few are left to be graded in the jail.

They are small changes of the author's own code, and most of them fail one of the first tests: so each runs outside the
jail, in a process of its own that is forked for it, and no longer than until a test fails. What passes, or comes to no
end, is left to the jail, which has the last word.
"""

import contextlib
import functools
import gc
import importlib
import io
import multiprocessing
import os
import resource
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from autograder.course.assignment import HIDDEN, Assignment, load_assignment
from autograder.course.submission import Cell
from autograder.grading.local import IMPORTED_ONCE, available_cores, die_with_parent
from autograder.grading.session import setup_cells
from autograder.suite.runner import failing_test
from autograder.suite.student import LocalStudent

CPU_SECONDS = 20
WALL_SECONDS = 120
MEMORY = 8 << 30
SHARE = 50  # mutants that a process is given at a time
FIRST = 5  # tests that are tried first: those that failed most often so far

Solution = tuple[tuple[Cell, ...], tuple[str, ...]]  # its cells, and the exercises that it is about


def left_over(
    assignment: Assignment,
    solutions: Sequence[Solution],
    seed: int,
    screened: Callable[[int], None] = lambda count: None,
) -> list[int]:
    """The places of the solutions that no test was found to refuse; ``screened`` is told of each share that is done."""
    left: list[int] = []
    shares = [range(at, min(at + SHARE, len(solutions))) for at in range(0, len(solutions), SHARE)]
    with ProcessPoolExecutor(available_cores(), multiprocessing.get_context("spawn"), die_with_parent) as pool:
        given = {
            pool.submit(_screen, assignment.root, assignment.name, [solutions[at] for at in share], seed): share
            for share in shares
        }
        for future in as_completed(given):
            left += [given[future][at] for at in future.result()]
            screened(len(given[future]))
    return sorted(left)


_failed: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by exercise, in a process that screens


def _screen(root: Path, name: str, solutions: Sequence[Solution], seed: int) -> list[int]:
    assignment, given = _made_ready(root, name)
    return [at for at, solution in enumerate(solutions) if not _is_refused(assignment, given, *solution, seed)]


@functools.cache
def _made_ready(root: Path, name: str) -> tuple[Assignment, dict[str, object]]:
    """The assignment and what its locked cells define.

    All is imported and collected by then that each forked process would have to import and collect.
    """
    torch.set_num_threads(1)
    assignment = load_assignment(root, name)
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    for exercise in assignment.exercises:
        failing_test(assignment.source / HIDDEN / f"test_{exercise}.py", LocalStudent({}), 0)
    given: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in setup_cells(assignment):
            exec(compile(cell.source, "<cell>", "exec"), given)
    gc.freeze()
    return assignment, given


def _is_refused(
    assignment: Assignment, given: dict[str, object], cells: Sequence[Cell], exercises: Sequence[str], seed: int
) -> bool:
    said, says = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(said)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(WALL_SECONDS)
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            os.write(says, _refusal(assignment, dict(given), cells, exercises, seed).encode())
        finally:
            os._exit(0)  # nothing of this process may go on, whatever was raised
    os.close(says)
    with open(said, "rb") as pipe:
        told = pipe.read().decode()
    os.waitpid(child, 0)
    if told:
        exercise, _, test = told.partition(" ")
        _failed[exercise][test] += 1
    return bool(told)


def _refusal(
    assignment: Assignment, namespace: dict[str, object], cells: Sequence[Cell], exercises: Sequence[str], seed: int
) -> str:
    """One of the exercises and a test of it that refuses the cells, as two words; no words where there is none."""
    for cell in cells:
        exec(compile(cell.source, "<cell>", "exec"), namespace)
    for exercise in exercises:
        student = LocalStudent(namespace, assignment.exercises[exercise].forbidden_operators)
        first = [test for test, _ in _failed[exercise].most_common(FIRST)]
        if test := failing_test(assignment.source / HIDDEN / f"test_{exercise}.py", student, seed, first):
            return f"{exercise} {test}"
    return ""
