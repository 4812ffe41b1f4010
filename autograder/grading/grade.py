"""Grades one submission: its cells run in the jail, the hidden suites run out here and call across the wall."""

import contextlib
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from autograder.course.assignment import Assignment
from autograder.course.errors import GradingError
from autograder.course.report import ExerciseResult, Report, TestResult, score_exercise
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict, worst
from autograder.grading.batching import BatchedStudent
from autograder.grading.session import JailedStudent, Session
from autograder.jail.sandbox import SandboxDied
from autograder.jail.supervisor import Supervisor
from autograder.measure import source_rules
from autograder.measure.source_rules import Finding
from autograder.suite.errors import RunSerially, SuiteError
from autograder.suite.runner import SuiteRun, run_suite


def grade_submission(
    assignment: Assignment,
    submission: Submission,
    supervisor: Supervisor,
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
        with Session(supervisor, assignment, submission) as session:
            opened = time.monotonic()
            results = [_grade_exercise(name, assignment, submission, session, seed) for name in names]
            seconds = {**session.seconds, "suites": time.monotonic() - opened}
            output = session.output
    except SandboxDied as death:
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
    findings = source_rules.inspect_source([cell.source for cell in cells], exercise.forbidden_names)
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
        score=score_exercise(tests, exercise.points, exercise.gate_credit),
        max_score=exercise.points,
        verdict=worst([test.verdict for test in tests]),
        tests=tuple(tests),
        remarks=tuple(_hints(findings, run)),
    )


def _run_suite(suite: Path, forbidden: tuple[str, ...], session: Session, seed: int) -> SuiteRun:
    """Run a suite with its tests side by side; and when that does not end well, serially in a new sandbox."""
    if session.batched:
        student = BatchedStudent(session, forbidden)
        with contextlib.suppress(RunSerially):
            return run_suite(suite, student, seed, student.batcher)
        session.discard()
    return run_suite(suite, JailedStudent(session, forbidden), seed)


def _cells_behind(name: str, assignment: Assignment, submission: Submission) -> list[Cell]:
    """The cells that may have a part in an exercise: those that define it, and those that define no other."""
    others = [other for other in assignment.exercises if other != name]
    code = [cell for cell in submission.cells if cell.kind == "code"]
    return [cell for cell in code if cell.defines(name) or not any(map(cell.defines, others))]


def _broken_rule(findings: list[Finding], defining: list[bool]) -> str:
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


def _hints(findings: list[Finding], run: SuiteRun) -> Iterator[str]:
    if any(test.verdict is Verdict.LOOPS for test in run.results):
        yield from dict.fromkeys(f"a loop may be here: {f.text.strip()}" for f in findings if f.kind == "loop")


def _nothing(name: str, assignment: Assignment, verdict: Verdict) -> ExerciseResult:
    exercise = assignment.exercises[name]
    return ExerciseResult(name=name, score=0.0, max_score=exercise.points, verdict=verdict)


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
