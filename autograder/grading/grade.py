"""Grades one submission: its cells run in the jail, the hidden suites run out here and call across the wall."""

import contextlib
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from autograder.course.assignment import Assignment
from autograder.course.attention import what_is_wrong
from autograder.course.errors import AssignmentError, GradingError
from autograder.course.report import ExerciseResult, Report, TestResult, UnusualLine, score_exercise
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict, worst
from autograder.grading.batching import BatchedStudent
from autograder.grading.session import JailedStudent, Session, own_cells, setup_cells
from autograder.jail.sandbox import SandboxDied
from autograder.jail.supervisor import Supervisor
from autograder.measure.plain import unusual
from autograder.measure.reach import reached_lines
from autograder.measure.source_rules import Finding, SourceReading
from autograder.suite.errors import RunSerially, SuiteError
from autograder.suite.runner import SuiteRun, run_suite

MOST_LINES = 40  # that are not plain, which a report names


def grade_submission(
    assignment: Assignment,
    submission: Submission,
    supervisor: Supervisor,
    seed: int,
    key: str = "",
    only: Collection[str] | None = None,
) -> Report:
    """Grade one submission, all exercises or ``only`` some.

    Raises `AssignmentError` where no submission could be graded, `GradingError` for another fault that is not its own.
    """
    start = time.monotonic()
    noted = (*submission.remarks, *what_is_wrong(assignment, submission))
    names = [name for name in assignment.exercises if only is None or name in only]
    if submission.problem:
        results = [_nothing(name, assignment, submission.verdict) for name in names]
        return _report(assignment, submission, results, seed, key, (submission.problem, *submission.remarks))
    own = own_cells(assignment, submission)
    cells = [cell for _, cell in own]
    reading, review = SourceReading([cell.source for cell in cells]), _review(assignment, own)
    try:
        with Session(supervisor, assignment, submission) as session:
            opened = time.monotonic()
            results = [_grade_exercise(name, assignment, cells, reading, session, seed, bool(review)) for name in names]
            seconds = {**session.seconds, "suites": time.monotonic() - opened}
            output = session.output
    except SandboxDied as death:
        results = [_nothing(name, assignment, death.verdict) for name in names]
        return _report(assignment, submission, results, seed, key, (death.detail, *noted), review)
    seconds["total"] = time.monotonic() - start
    return _report(assignment, submission, results, seed, key, noted, review, output, seconds)


def _grade_exercise(
    name: str,
    assignment: Assignment,
    cells: list[Cell],
    reading: SourceReading,
    session: Session,
    seed: int,
    clocked: bool,
) -> ExerciseResult:
    exercise = assignment.exercises[name]
    findings = reading.findings(exercise.forbidden_names)
    reached = reached_lines([cell.source for cell in cells], name)
    try:
        run = _run_suite(assignment.suite(name), exercise.forbidden_operators, session, seed, clocked)
    except SuiteError as error:
        raise AssignmentError(f"{assignment.name}: {error}") from error
    broken = [test for test in run.results if test.verdict is Verdict.FAULT]
    if broken:
        raise GradingError(f"{assignment.name}: {name}: {broken[0].name}: {broken[0].detail}")
    tests = list(run.results)
    if broken_rule := _broken_rule(findings, reached, _of_others(name, assignment, cells)):
        tests = [_refused(test, broken_rule) if test.verdict is Verdict.PASSED else test for test in tests]
    return ExerciseResult(
        name=name,
        score=score_exercise(tests, exercise.points, exercise.gate_credit),
        max_score=exercise.points,
        verdict=worst([test.verdict for test in tests]),
        tests=tuple(tests),
        remarks=tuple(_hints(findings, reached, run)),
    )


def _run_suite(suite: Path, forbidden: tuple[str, ...], session: Session, seed: int, clocked: bool) -> SuiteRun:
    """Run a suite with its tests side by side; and when that does not end well, serially in a new sandbox."""
    if session.batched:
        student = BatchedStudent(session, forbidden, clocked)
        with contextlib.suppress(RunSerially):
            return run_suite(suite, student, seed, student.batcher)
        session.discard()
    return run_suite(suite, JailedStudent(session, forbidden, clocked), seed)


def _review(assignment: Assignment, own: list[tuple[int, Cell]]) -> tuple[UnusualLine, ...]:
    """The lines of the student's code that are not plain, by the numbers of their cells."""
    trusted = [cell.source for cell in setup_cells(assignment)]
    found = unusual([cell.source for _, cell in own], trusted)
    return tuple(
        UnusualLine(cell=own[each.cell][0], line=each.line, text=each.text, why=each.why) for each in found[:MOST_LINES]
    )


def _broken_rule(findings: list[Finding], reached: set[tuple[int, int]] | None, others: set[int]) -> str:
    """What the source says that it may not, in words; empty when it keeps the rules.

    A student may well compare with a forbidden function beside the solution, so a forbidden name counts where the
    exercise's function can reach it. To import something is not to use it. What reaches for the counter counts in all
    cells but the ``others``, which define other exercises.
    """
    for found in findings:
        if found.text.lstrip().startswith(("import ", "from ")) and ";" not in found.text:
            continue
        here = reached is None or (found.cell, found.line) in reached
        if found.kind == "counter" and (here or found.cell not in others):
            return f"it uses {found.name}, which reaches into the measurement of its work: {found.text.strip()}"
        if found.kind == "call" and here:
            return f"it uses {found.name}, which this exercise asks you to do without: {found.text.strip()}"
    return ""


def _of_others(name: str, assignment: Assignment, cells: list[Cell]) -> set[int]:
    others = [other for other in assignment.exercises if other != name]
    return {at for at, cell in enumerate(cells) if not cell.defines(name) and any(map(cell.defines, others))}


def _refused(test: TestResult, reason: str) -> TestResult:
    return test.model_copy(update={"verdict": Verdict.FORBIDDEN, "detail": reason})


def _hints(findings: list[Finding], reached: set[tuple[int, int]] | None, run: SuiteRun) -> Iterator[str]:
    if any(test.verdict is Verdict.LOOPS for test in run.results):
        loops = [f for f in findings if f.kind == "loop" and (reached is None or (f.cell, f.line) in reached)]
        # A comprehension is often over a pair of numbers, and no loop that grows.
        loops.sort(key=lambda found: found.name.endswith(("comprehension", "expression")))
        yield from dict.fromkeys(f"a loop may be here: {found.text.strip()}" for found in loops)


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
    review: tuple[UnusualLine, ...] = (),
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
        review=review,
        output=output,
        seed=seed,
        key=key,
        durations={name: round(value, 4) for name, value in (seconds or {}).items()},
    )
