"""A submission in a sandbox, and the ``student`` whose calls go there."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import nbformat

from autograder.course.assignment import Assignment, reference_sources
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict
from autograder.grading.disclosure import Disclosure
from autograder.jail.sandbox import Budget, RemoteObject, Sandbox, SandboxDied, SupervisorError
from autograder.jail.supervisor import Supervisor
from autograder.measure.calls import Call, Mode, Outcome
from autograder.suite.errors import StudentError, SuiteError, student_error
from autograder.suite.student import StudentFunction, StudentModule, Timed

DEATHS_PER_EXERCISE = 2  # after so many calls that end their sandbox no other is tried
RESTARTS_FOR_CELLS = 8  # sandboxes that the notebook's own cells may end


class Session:
    """A submission in a sandbox, and in a new one when one of its calls ends the last."""

    def __init__(self, supervisor: Supervisor, assignment: Assignment, submission: Submission) -> None:
        self._supervisor, self._limits = supervisor, assignment.manifest.limits
        self._forbidden = {exercise.forbidden_operators for exercise in assignment.exercises.values()}
        self._assignment, self._cells = assignment, cells_to_run(assignment, submission)
        self._tell = Disclosure([cell.source for cell in self._cells]).told
        self._bad_cells: dict[int, StudentError] = {}
        self._errors: dict[int, StudentError] = {}
        self._budget = Budget(self._limits.submission_seconds)
        self._context: contextlib.ExitStack = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None
        self._beside = contextlib.ExitStack()
        self._reference: Sandbox | None = None
        self.batched = True
        self.output = ""
        self.seconds: dict[str, float] = {"open": 0.0, "cells": 0.0}

    def __enter__(self) -> "Session":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()
        self._beside.close()

    def sandbox(self) -> Sandbox:
        """The living sandbox; a fresh one with the notebook's cells run again when the last one died."""
        if self._sandbox is None:
            self._start()
        assert self._sandbox is not None
        return self._sandbox

    def reference(self) -> Sandbox:
        """A sandbox of its own with the author's solution, to compare times with. Raises `SupervisorError`."""
        if self._reference is None:
            sandbox = self._beside.enter_context(self._supervisor.sandbox(self._limits, self._forbidden))
            solution = reference_sources(self._assignment)
            for source in [
                *(cell.source for cell in setup_cells(self._assignment)),
                *(solution[name] for name in self._assignment.exercises),
            ]:
                sandbox.run(source)
            self._reference = sandbox
        return self._reference

    def discard(self) -> None:
        """Give the sandbox up."""
        self._context.close()
        self._sandbox = None

    def why_absent(self, name: str) -> StudentError | None:
        """The error of the submitted cell that should have defined ``name``, if one did fail."""
        for index, cell in enumerate(self._cells):
            error = self._bad_cells.get(index) or self._errors.get(index)
            if error is not None and (cell.defines(name) or cell.grade_id == name):
                return error
        return None

    def _start(self) -> None:
        """Open a sandbox and run the notebook in it, leaving out the cells that ended an earlier one."""
        for _ in range(RESTARTS_FOR_CELLS):
            if self._budget.exhausted():
                raise SandboxDied(Verdict.TIMEOUT, self._budget.sentence)
            start = time.monotonic()
            opening = self._supervisor.sandbox(self._limits, self._forbidden, self._budget, self._tell)
            sandbox = self._context.enter_context(opening)
            opened = time.monotonic()
            self.seconds["open"] += opened - start
            try:
                self._run_cells(sandbox)
            except SandboxDied:
                self._context.close()
                continue
            finally:
                self.seconds["cells"] += time.monotonic() - opened
                self.output = self.output or sandbox.printed.decode("utf-8", "replace")
            self._sandbox = sandbox
            return
        raise SandboxDied(Verdict.ERROR, "too many of the notebook's cells end the process they run in")

    def _run_cells(self, sandbox: Sandbox) -> None:
        self._errors = {}
        for index in range(len(self._cells)):
            self._run_cell(sandbox, index)
        # A notebook whose cells were run out of order works for its author; a second try gives it what it needs.
        for index in [i for i, error in self._errors.items() if error.kind in ("NameError", "AttributeError")]:
            self._run_cell(sandbox, index)

    def _run_cell(self, sandbox: Sandbox, index: int) -> None:
        if index in self._bad_cells:
            return
        self._errors.pop(index, None)
        try:
            error = sandbox.run(self._cells[index].source)
        except SandboxDied as death:
            detail = f"running the cell that holds it failed: {death.detail}"
            self._bad_cells[index] = SandboxDied(death.verdict, detail)
            raise
        if error is not None:
            message = f"the cell that holds it failed: {error['message']}"
            memory = student_error(**error).verdict is Verdict.MEMORY
            verdict = Verdict.MEMORY if memory else Verdict.ERROR
            self._errors[index] = StudentError(error["kind"], message, error["where"], verdict)


class JailedFunction(StudentFunction):
    """A function of the submission, or a module that stayed in the jail, called across the wall."""

    def __init__(
        self,
        target: str | RemoteObject,
        forbidden: tuple[str, ...],
        make: Callable[[Call], Outcome],
        clock: Callable[[Call], Timed] | None,
    ) -> None:
        super().__init__(target if isinstance(target, str) else f"{target.type}(…)", forbidden)
        self._target, self._make, self._clock = target, make, clock

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        return self._make(Call(self._target, mode, args, kwargs, upstream, self.forbidden))

    def module(self, value: Any) -> StudentModule | None:
        # Whether it is a module, the process that holds it says when it is asked.
        if not isinstance(value, RemoteObject):
            return None
        return StudentModule(JailedFunction(value, self.forbidden, self._make, None), value)

    @property
    def is_clocked(self) -> bool:
        return self._clock is not None

    def beside_reference(self, *args: Any, **kwargs: Any) -> Timed | None:
        if any(isinstance(each, StudentModule) for each in (*args, *kwargs.values())):
            raise SuiteError(f"{self.name} cannot be clocked with a module as an argument, which the author's lacks")
        return self._clock(Call(self.name, Mode.TIMED, args, kwargs)) if self._clock else None


class JailedStudent:
    """The ``student`` of a hidden suite: a stand-in whose functions live in the jail.

    Where it is ``clocked``, gates compare the time of calls with that of the author's solution.
    """

    def __init__(self, session: Session, forbidden: tuple[str, ...], clocked: bool = False) -> None:
        self._session, self._forbidden, self._clocked = session, forbidden, clocked
        self._deaths: list[SandboxDied] = []

    def __getattr__(self, name: str) -> StudentFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return JailedFunction(name, self._forbidden, self._make, self._time if self._clocked else None)

    def _make(self, call: Call) -> Outcome:
        return self._asked(call, lambda sandbox: sandbox.call(call))

    def _time(self, call: Call) -> Timed:
        """Make a call beside the author's solution, and clock both."""
        outcome, seconds = self._asked(call, lambda sandbox: sandbox.timed(call))
        try:
            _, reference = self._session.reference().timed(call)
            crossing = self._session.reference().crossing()
        except StudentError as error:
            raise SupervisorError(f"the author's solution failed beside a student's: {error.detail}") from error
        return Timed(outcome.value, seconds, reference, crossing)

    def _asked(self, call: Call, ask: Callable[[Sandbox], Any]) -> Any:
        if len(self._deaths) >= DEATHS_PER_EXERCISE:
            last = self._deaths[-1]
            raise SandboxDied(last.verdict, f"not tried again after {len(self._deaths)} failed calls: {last.detail}")
        sandbox = self._session.sandbox()
        if (death := _lost(call, sandbox)) is not None:
            raise death
        try:
            return ask(sandbox)
        except SandboxDied as death:
            self._deaths.append(death)
            self._session.discard()
            raise
        except StudentError as error:
            raise self._explained(call, error) from None

    def _explained(self, call: Call, error: StudentError) -> StudentError:
        """The error of a call, or what is behind it: a function is absent where the cell that defines it failed."""
        if error.verdict is Verdict.MISSING and error.kind == "NameError" and isinstance(call.function, str):
            return self._session.why_absent(call.function) or error
        return error


def _stayed(call: Call) -> Iterator[RemoteObject]:
    """What stands in a call for values that stayed in a sandbox."""
    given = (call.function, *call.args, *call.kwargs.values())
    return (each for each in given if isinstance(each, RemoteObject))


def _lost(call: Call, sandbox: Sandbox) -> SandboxDied | None:
    """What ended the sandbox of a value in a call, if that is not ``sandbox``: a number means nothing in another."""
    held = next((each.sandbox for each in _stayed(call) if each.sandbox is not sandbox), None)
    return held and (held.death or SandboxDied(Verdict.ERROR, "the process that held it is there no more"))


def cells_to_run(assignment: Assignment, submission: Submission) -> list[Cell]:
    """The code to run: the author's locked cells first, then the student's own in the order they stand."""
    return [*setup_cells(assignment), *(cell for _, cell in own_cells(assignment, submission))]


def setup_cells(assignment: Assignment) -> list[Cell]:
    """The author's locked cells that run before the student's: all but those that check."""
    return [
        Cell("code", cell.source, cell.metadata.nbgrader.grade_id)
        for cell in _locked(assignment)
        if not cell.metadata.nbgrader.get("grade")
    ]


def own_cells(assignment: Assignment, submission: Submission) -> list[tuple[int, Cell]]:
    """The student's own code, each cell with its number in the notebook, from 1.

    What is locked is known from the release alone. A submitted cell equal to a locked one is left out, any other is the
    student's, whatever its metadata says.
    """
    known = {cell.source.strip() for cell in _locked(assignment)} | {""}
    numbered = enumerate(submission.cells, 1)
    return [(at, cell) for at, cell in numbered if cell.kind == "code" and cell.source.strip() not in known]


def _locked(assignment: Assignment) -> list[nbformat.NotebookNode]:
    return [
        cell
        for cell in assignment.released_notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("locked")
    ]
