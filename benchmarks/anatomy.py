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

from autograder import feedback, fleet, grading
from autograder.dialect import LocalFunction
from autograder.jail.warden import Cell, Warden
from autograder.nbgrader import gradebook
from autograder.report import Report
from autograder.submission import read
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
    """All parts, on how many submissions they were measured, and how many calls and rounds one of them makes."""

    parts: tuple[Part, ...]
    submissions: int
    calls: float
    rounds: float


def dissect(course: OurCourse, students: Sequence[str]) -> Anatomy:
    """Measure the parts on some students of a course, of which the first is graded once beforehand."""
    course.forget()
    clock = Clock()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Warden() as warden:
            _grade(course, students[0], warden)
            reports = [_grade_clocked(course, student, warden, clock) for student in students]
    finally:
        torch.set_num_threads(threads)
    _record_clocked(course, reports, clock)
    count = len(students)
    return Anatomy(_parts(reports, clock), count, clock.calls["bare calls"] / count, clock.calls["rounds"] / count)


def _grade_clocked(course: OurCourse, student: str, warden: Warden, clock: Clock) -> Report:
    with contextlib.ExitStack() as clocked:
        clocked.enter_context(clock.around(grading, "run_suite", "suites"))
        clocked.enter_context(clock.around(Cell, "calls", "rounds"))
        started = time.perf_counter()
        report = _grade(course, student, warden)
        clock.seconds["grading"] += time.perf_counter() - started
    with clock.around(LocalFunction, "perform", "bare calls"):
        floor.grade(course.assignment, student)
    return report


def _grade(course: OurCourse, student: str, warden: Warden) -> Report:
    grader = fleet.Grader(course.assignment)
    folder = course.root / "submitted" / student / course.assignment.name
    submission = read(folder, student, course.assignment.name)
    return grading.grade(course.assignment, submission, warden, grader.seed(student), grader.key(submission))


def _record_clocked(course: OurCourse, reports: list[Report], clock: Clock) -> None:
    grader = fleet.Grader(course.assignment)
    for report in reports:
        grader.store.put(report)
    with contextlib.ExitStack() as clocked, contextlib.redirect_stderr(io.StringIO()):
        clocked.enter_context(clock.around(Autograde, "start", "autograde"))
        clocked.enter_context(clock.around(GenerateFeedback, "start", "feedback"))
        clocked.enter_context(clock.around(feedback, "page", "page"))
        started = time.perf_counter()
        gradebook.require(course.assignment)
        gradebook.record(course.assignment, reports)
        gradebook.export(course.root, course.root / "grades.csv")
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
        "taking the calls across the wall": ("grading", seconds["rounds"] - seconds["bare calls"]),
        "the tests' own work, expected values and comparisons": ("grading", tests - seconds["rounds"]),
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
