"""Where the time of one submission goes, from the opening of its cell to its page of feedback.

Each submission is graded twice in this process, in the jail and bare, so that what a call costs beyond its own work can
be told from that work. Nothing else is graded beside it: the parts are those of one worker that has a core for itself.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from nbgrader.converters import Autograde, GenerateFeedback

from autograder.course.report import Report
from autograder.course.submission import read_submission
from autograder.grading import grade
from autograder.grading.grader import Grader
from autograder.jail.sandbox import Sandbox
from autograder.jail.supervisor import Supervisor
from autograder.nbgrader import feedback_page, recording
from autograder.nbgrader.gradebook import export
from autograder.nbgrader.release import require
from autograder.suite.student import LocalFunction
from benchmarks import floor
from benchmarks.clock import Clock
from benchmarks.ours import OurCourse


@dataclass(frozen=True)
class Part:
    """One part of the way, in seconds a submission. ``of`` names the part that it belongs to."""

    name: str
    seconds: float
    of: str = ""


@dataclass(frozen=True)
class Anatomy:
    """All parts, on how many submissions they were measured, and how many calls and crossings one of them makes."""

    parts: tuple[Part, ...]
    submissions: int
    calls: float
    crossings: float


def dissect(course: OurCourse, students: Sequence[str]) -> Anatomy:
    """Measure the parts on some students of a course, of which the first is graded once beforehand."""
    course.forget()
    clock = Clock()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Supervisor() as supervisor:
            _grade(course, students[0], supervisor)
            reports = [_grade_clocked(course, student, supervisor, clock) for student in students]
    finally:
        torch.set_num_threads(threads)
    _record_clocked(course, reports, clock)
    count = len(students)
    return Anatomy(_parts(reports, clock), count, clock.calls["bare calls"] / count, clock.calls["crossings"] / count)


def _grade_clocked(course: OurCourse, student: str, supervisor: Supervisor, clock: Clock) -> Report:
    with contextlib.ExitStack() as clocked:
        clocked.enter_context(clock.around(grade, "run_suite", "suites"))
        clocked.enter_context(clock.around(Sandbox, "calls", "crossings"))
        started = time.perf_counter()
        report = _grade(course, student, supervisor)
        clock.seconds["grading"] += time.perf_counter() - started
    with clock.around(LocalFunction, "perform", "bare calls"):
        floor.grade(course.assignment, student)
    return report


def _grade(course: OurCourse, student: str, supervisor: Supervisor) -> Report:
    grader = Grader(course.assignment)
    folder = course.root / "submitted" / student / course.assignment.name
    submission = read_submission(folder, student, course.assignment.name)
    return grade.grade_submission(course.assignment, submission, supervisor, grader.seed, grader.key(submission))


def _record_clocked(course: OurCourse, reports: list[Report], clock: Clock) -> None:
    grader = Grader(course.assignment)
    for report in reports:
        grader.store.put(report)
    with contextlib.ExitStack() as clocked, contextlib.redirect_stderr(io.StringIO()):
        clocked.enter_context(clock.around(Autograde, "start", "autograde"))
        clocked.enter_context(clock.around(GenerateFeedback, "start", "feedback"))
        clocked.enter_context(clock.around(feedback_page, "page", "page"))
        started = time.perf_counter()
        require(course.assignment)
        recording.record(course.assignment, reports)
        export(course.root, course.root / "grades.csv")
        clock.seconds["recording"] = time.perf_counter() - started


def _parts(reports: list[Report], clock: Clock) -> tuple[Part, ...]:
    count = len(reports)
    tests = sum(test.duration for report in reports for result in report.exercises for test in result.tests)
    told = {name: sum(report.durations.get(name, 0.0) for report in reports) for name in ("open", "cells")}
    seconds = clock.seconds
    whole = {
        "grading": seconds["grading"],
        "recording": seconds["recording"],
    }
    inside = {
        "opening a cell in the jail": ("grading", told["open"]),
        "running the notebook's cells": ("grading", told["cells"]),
        "the calls' own work": ("grading", seconds["bare calls"]),
        "taking the calls across the wall": ("grading", seconds["crossings"] - seconds["bare calls"]),
        "the tests' own work, expected values and comparisons": ("grading", tests - seconds["crossings"]),
        "pytest": ("grading", seconds["suites"] - tests),
        "nbgrader's autograde": ("recording", seconds["autograde"]),
        "nbgrader's feedback": ("recording", seconds["feedback"]),
        "our page of feedback": ("recording", seconds["page"]),
    }
    for name, total in whole.items():
        rest = total - sum(part for of, part in inside.values() if of == name)
        inside[f"the rest of {name}"] = (name, rest)
    made = [Part(name, total / count) for name, total in whole.items()]
    made += [Part(name, total / count, of) for name, (of, total) in inside.items()]
    return tuple(made)
