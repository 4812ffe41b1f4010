"""Grades one submission: its cells run in the jail, the hidden suites run out here and call across the wall."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from autograder import policy
from autograder.assignment import Assignment, GradingError
from autograder.calls import Call, Mode, Outcome
from autograder.dialect import (
    Abandoned,
    StudentError,
    StudentFunction,
    SuiteError,
    SuiteRun,
    company,
    run_suite,
)
from autograder.jail.warden import Cell, CellDied, Warden
from autograder.report import (
    ExerciseResult,
    Report,
    TestResult,
    Verdict,
    score_exercise,
    worst,
)
from autograder.rounds import Rounds
from autograder.submission import Cell as SubmittedCell
from autograder.submission import Submission
from autograder.work import matching

DEATHS_PER_EXERCISE = 2
RESTARTS_FOR_CELLS = 8
ROUND_BYTES = 4 << 20  # of the tensors that go into one round


class Session:
    """A submission brought to life in the jail, and back to life when one of its calls kills its cell."""

    def __init__(self, warden: Warden, assignment: Assignment, submission: Submission) -> None:
        self._warden, self._limits = warden, assignment.manifest.limits
        self._forbidden = {exercise.forbidden_operators for exercise in assignment.exercises.values()}
        self._cells = cells_to_run(assignment, submission)
        self._bad_cells: dict[int, StudentError] = {}
        self._errors: dict[int, StudentError] = {}
        self._context: contextlib.ExitStack = contextlib.ExitStack()
        self._cell: Cell | None = None
        self.in_rounds = True
        self.output = ""
        self.seconds: dict[str, float] = {"open": 0.0, "cells": 0.0}

    def __enter__(self) -> Session:
        self._wake()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def cell(self) -> Cell:
        """The living cell; a fresh one with the notebook's cells run again when the last one died."""
        if self._cell is None:
            self._wake()
        assert self._cell is not None
        return self._cell

    def bury(self) -> None:
        """Give the cell up after it died."""
        self._context.close()
        self._cell = None

    def why_absent(self, name: str) -> StudentError | None:
        """The error of the submitted cell that should have defined ``name``, if one did fail."""
        for index, cell in enumerate(self._cells):
            error = self._bad_cells.get(index) or self._errors.get(index)
            if error is not None and (cell.defines(name) or cell.grade_id == name):
                return error
        return None

    def _wake(self) -> None:
        """Open a cell and run the notebook in it, leaving out the cells that killed an earlier one."""
        for _ in range(RESTARTS_FOR_CELLS):
            start = time.monotonic()
            cell = self._context.enter_context(self._warden.cell(self._limits, self._forbidden))
            opened = time.monotonic()
            self.seconds["open"] += opened - start
            try:
                self._run_cells(cell)
            except CellDied:
                self._context.close()
                continue
            finally:
                self.seconds["cells"] += time.monotonic() - opened
                self.output = self.output or cell.printed.decode("utf-8", "replace")
            self._cell = cell
            return
        raise CellDied(Verdict.ERROR, "too many of the notebook's cells end the process they run in")

    def _run_cells(self, cell: Cell) -> None:
        self._errors = {}
        for index in range(len(self._cells)):
            self._run_cell(cell, index)
        # A notebook whose cells were run out of order works for its author; a second try gives it what it needs.
        for index in [i for i, error in self._errors.items() if error.kind in ("NameError", "AttributeError")]:
            self._run_cell(cell, index)

    def _run_cell(self, cell: Cell, index: int) -> None:
        if index in self._bad_cells:
            return
        self._errors.pop(index, None)
        try:
            error = cell.run(self._cells[index].source)
        except CellDied as death:
            detail = f"running the cell that holds it failed: {death.detail}"
            self._bad_cells[index] = CellDied(death.verdict, detail)
            raise
        if error is not None:
            message = f"the cell that holds it failed: {error['message']}"
            self._errors[index] = StudentError(error["kind"], message, error["where"])


class JailedFunction(StudentFunction):
    """A function of the submission, called across the wall."""

    def __init__(self, name: str, forbidden: tuple[str, ...], make: Callable[[Call], Outcome]) -> None:
        super().__init__(name, forbidden)
        self._make = make

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        return self._make(Call(self.name, mode, args, kwargs, upstream, self.forbidden, company.get()))


class JailedStudent:
    """The ``student`` of a hidden suite: a stand-in whose functions live in the jail."""

    def __init__(self, session: Session, forbidden: tuple[str, ...]) -> None:
        self._session, self._forbidden = session, forbidden
        self._deaths: list[CellDied] = []

    def __getattr__(self, name: str) -> StudentFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return JailedFunction(name, self._forbidden, self._make)

    def _make(self, call: Call) -> Outcome:
        if len(self._deaths) >= DEATHS_PER_EXERCISE:
            last = self._deaths[-1]
            raise CellDied(last.verdict, f"not tried again after {len(self._deaths)} failed calls: {last.detail}")
        try:
            return self._session.cell().call(call)
        except CellDied as death:
            self._deaths.append(death)
            self._session.bury()
            raise
        except StudentError as error:
            raise self._explained(call, error) from None

    def _explained(self, call: Call, error: StudentError) -> StudentError:
        """The error of a call, or what is behind it: a function is absent where the cell that defines it failed."""
        if error.verdict is Verdict.MISSING and error.kind == "NameError":
            return self._session.why_absent(str(call.function)) or error
        return error


class JailedStudentInRounds(JailedStudent):
    """The same, for tests that run side by side. Whatever it cannot lay at one call's door is the end of the run.

    Calls that cross together can see each other's inputs. That tells them nothing of right values, but one could do
    another's forbidden work, or a measured call's work where it is not measured or does not count. So a crossing in
    which anything forbidden happened counts for nothing, and measured calls cross with measured ones alone, all of
    which are at the greatest of their sizes or all at the least: what one of them does for another it is charged with.
    """

    def __init__(self, session: Session, forbidden: tuple[str, ...]) -> None:
        super().__init__(session, forbidden)
        self._rounds = Rounds(self._answer)

    def run(self, suite: Path, seed: int) -> SuiteRun:
        """Run a suite's tests side by side. Raises `Abandoned` when they have to be run one after another."""
        return run_suite(suite, self, seed, self._rounds)

    def _make(self, call: Call) -> Outcome:
        if not self._rounds.running():
            return super()._make(call)
        if call.company is not None and (call.mode is Mode.WORK) == (call.company != ""):
            return self._rounds.ask(call)
        try:
            return super()._make(call)
        except CellDied:
            raise self._abandoned() from None

    def _abandoned(self) -> Abandoned:
        # What ends one round may well end the next, and each may take as long as a call may.
        self._session.in_rounds = False
        return Abandoned()

    def _answer(self, calls: Sequence[Call]) -> list[Outcome | StudentError]:
        answers: dict[int, Outcome | StudentError] = {}
        for portion in _portions(calls):
            try:
                outcomes, operators = self._session.cell().calls(portion)
            except CellDied:
                raise self._abandoned() from None
            if matching(operators, self._forbidden):
                raise Abandoned
            answers |= zip(map(id, portion), outcomes, strict=True)
        if any(isinstance(each, StudentError) and each.verdict is Verdict.MEMORY for each in answers.values()):
            raise Abandoned  # each call may have what all of them together may not
        return [
            self._explained(call, answer) if isinstance(answer := answers[id(call)], StudentError) else answer
            for call in calls
        ]


def _portions(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """The calls in portions of one company each, whose tensors are no more than `ROUND_BYTES` together."""
    portion: list[Call] = []
    size = 0
    for call in sorted(calls, key=lambda call: call.company or ""):
        own = sum(a.nbytes for a in (*call.args, *call.kwargs.values()) if isinstance(a, torch.Tensor))
        if portion and (size + own > ROUND_BYTES or call.company != portion[0].company):
            yield portion
            portion, size = [], 0
        portion.append(call)
        size += own
    if portion:
        yield portion


def grade(
    assignment: Assignment,
    submission: Submission,
    warden: Warden,
    seed: int,
    key: str = "",
    only: Collection[str] | None = None,
) -> Report:
    """Grade one submission, all exercises or ``only`` some. Raises `GradingError` for a fault that is not its own."""
    start = time.monotonic()
    names = [name for name in assignment.exercises if only is None or name in only]
    if submission.problem:
        results = [_nothing(name, assignment, submission.verdict) for name in names]
        return _report(assignment, submission, results, seed, key, (submission.problem, *submission.remarks))
    try:
        with Session(warden, assignment, submission) as session:
            opened = time.monotonic()
            results = [_grade_exercise(name, assignment, submission, session, seed) for name in names]
            seconds = {**session.seconds, "suites": time.monotonic() - opened}
            output = session.output
    except CellDied as death:
        results = [_nothing(name, assignment, death.verdict) for name in names]
        remarks = (death.detail, *submission.remarks)
        return _report(assignment, submission, results, seed, key, remarks)
    seconds["total"] = time.monotonic() - start
    return _report(assignment, submission, results, seed, key, submission.remarks, output, seconds)


def _grade_exercise(
    name: str, assignment: Assignment, submission: Submission, session: Session, seed: int
) -> ExerciseResult:
    exercise = assignment.exercises[name]
    cells = _cells_behind(name, assignment, submission)
    findings = policy.inspect_source([cell.source for cell in cells], exercise.forbidden_names)
    try:
        run = _run_suite(assignment.suite(name), exercise.forbidden_operators, session, seed)
    except SuiteError as error:
        raise GradingError(f"{assignment.name}: {error}") from error
    broken = [test for test in run.results if test.verdict is Verdict.FAULT]
    if broken:
        raise GradingError(f"{assignment.name}: {name}: {broken[0].name}: {broken[0].detail}")
    tests = list(run.results)
    if broken_rule := _broken_rule(findings, [cell.defines(name) for cell in cells]):
        tests = [_refused(test, broken_rule) if test.verdict is Verdict.PASSED else test for test in tests]
    return ExerciseResult(
        name=name,
        title=exercise.title,
        score=score_exercise(tests, exercise.points, exercise.gate_credit),
        max_score=exercise.points,
        verdict=worst([test.verdict for test in tests]),
        tests=tuple(tests),
        remarks=tuple(_hints(findings, run)),
    )


def _run_suite(suite: Path, forbidden: tuple[str, ...], session: Session, seed: int) -> SuiteRun:
    """Run a suite with its tests side by side; and when that does not end well, one after another in a new cell."""
    if session.in_rounds:
        with contextlib.suppress(Abandoned):
            return JailedStudentInRounds(session, forbidden).run(suite, seed)
        session.bury()
    return run_suite(suite, JailedStudent(session, forbidden), seed)


def _cells_behind(name: str, assignment: Assignment, submission: Submission) -> list[SubmittedCell]:
    """The cells that may have a part in an exercise: those that define it, and those that define no other."""
    others = [other for other in assignment.exercises if other != name]
    code = [cell for cell in submission.cells if cell.kind == "code"]
    return [cell for cell in code if cell.defines(name) or not any(map(cell.defines, others))]


def _broken_rule(findings: list[policy.Finding], defining: list[bool]) -> str:
    """What the source says that it may not, in words; empty when it keeps the rules.

    A student may well compare with a forbidden function in a cell beside the solution, so a forbidden name counts in
    functions and classes, and at the top of a cell that defines the exercise. To import something is not to use it.
    """
    for found in findings:
        if found.text.lstrip().startswith(("import ", "from ")):
            continue
        if found.kind == "interpreter":
            return f"it uses {found.name}, which reaches into the measurement of its work: {found.text.strip()}"
        if found.kind == "call" and (found.scope or defining[found.cell]):
            return f"it uses {found.name}, which this exercise asks you to do without: {found.text.strip()}"
    return ""


def _refused(test: TestResult, reason: str) -> TestResult:
    return test.model_copy(update={"verdict": Verdict.FORBIDDEN, "detail": reason})


def _hints(findings: list[policy.Finding], run: SuiteRun) -> Iterator[str]:
    if any(test.verdict is Verdict.LOOPS for test in run.results):
        yield from dict.fromkeys(f"a loop may be here: {f.text.strip()}" for f in findings if f.kind == "loop")


def cells_to_run(assignment: Assignment, submission: Submission) -> list[SubmittedCell]:
    """The code to run: the author's locked cells first, then the student's own in the order they stand.

    What is locked is known from the release alone. A submitted cell equal to a locked one is left out, any other is the
    student's, whatever its metadata says.
    """
    locked = [
        cell
        for cell in assignment.released_notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("locked")
    ]
    known = {cell.source.strip() for cell in locked}
    setup = [
        SubmittedCell("code", cell.source, cell.metadata.nbgrader.grade_id)
        for cell in locked
        if not cell.metadata.nbgrader.get("grade")
    ]
    own = [cell for cell in submission.cells if cell.kind == "code" and cell.source.strip() not in known | {""}]
    return [*setup, *own]


def _nothing(name: str, assignment: Assignment, verdict: Verdict) -> ExerciseResult:
    exercise = assignment.exercises[name]
    return ExerciseResult(name=name, title=exercise.title, score=0.0, max_score=exercise.points, verdict=verdict)


def _report(
    assignment: Assignment,
    submission: Submission,
    results: list[ExerciseResult],
    seed: int,
    key: str,
    remarks: tuple[str, ...],
    output: str = "",
    seconds: dict[str, float] | None = None,
) -> Report:
    return Report(
        assignment=assignment.name,
        student=submission.student,
        score=round(sum(result.score for result in results), 2),
        max_score=sum(result.max_score for result in results),
        verdict=worst([result.verdict for result in results]),
        exercises=tuple(results),
        remarks=remarks,
        output=output,
        seed=seed,
        key=key,
        durations={name: round(value, 4) for name, value in (seconds or {}).items()},
    )
