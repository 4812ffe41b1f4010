"""Puts reports into nbgrader's gradebook, autograded notebooks and feedback, through nbgrader's own converters."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder import feedback
from autograder.assignment import Assignment, AssignmentError
from autograder.nbgrader.config import configure
from autograder.nbgrader.export import GradesCsv
from autograder.nbgrader.hooks import gradebook_url, set_due_date
from autograder.report import Report, Verdict


class GradebookError(AssignmentError):
    """Something that nbgrader would not do, in a sentence."""


# nbgrader makes a new gradebook by running the command `alembic`, which an environment that is not activated hides.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _course(root: Path, assignment: str = "", student: str = "*") -> CourseDirectory:
    config = Config()
    configure(config, root)
    course = CourseDirectory(config=config, assignment_id=assignment, student_id=student)
    course.config = config
    return course


def _convert(converter: type, course: CourseDirectory, **options: object) -> None:
    """Run one of nbgrader's converters as its command would, its log kept for the error if there is one."""
    log = logging.getLogger("autograder.nbgrader")
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            made = converter(coursedir=course, config=course.config, log=log)
            for name, value in options.items():
                setattr(made, name, value)
            made.start()
    except (NbGraderException, SystemExit) as error:
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        raise GradebookError("\n".join(lines[-12:]) or str(error)) from error


def release(assignment: Assignment, into: Path | None = None) -> None:
    """Generate the student version of an assignment, in ``assignments/`` and the gradebook, or only in folder ``into``."""
    course = _course(assignment.root, assignment.name)
    if into is not None:
        course.config.CourseDirectory.release_directory = str(into)
        course.release_directory = str(into)
        course.config.SaveCells.enabled = False  # the gradebook need not exist for this, and is not to change
    _convert(GenerateAssignment, course, force=True, no_database=into is not None)
    if into is None:
        set_due_date(assignment)


def known(assignment: Assignment) -> bool:
    """Whether the gradebook holds the assignment with the cells and points that its manifest states."""
    if not (assignment.root / "gradebook.db").exists():
        return False
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        try:
            notebook = gradebook.find_notebook(assignment.name, assignment.name)
        except MissingEntry:
            return False
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    wanted = {f"check-{n}": e.points for n, e in assignment.exercises.items()}
    return points == wanted | {n: e.points for n, e in assignment.written.items()}


def enrol(root: Path, students: list[str]) -> None:
    """Make students known to the gradebook, those included who hand in nothing."""
    with Gradebook(gradebook_url(root)) as gradebook:
        for student in students:
            gradebook.update_or_create_student(student)


def recorded(assignment: Assignment, student: str) -> bool:
    """Whether the gradebook and the autograded folder hold something for this student."""
    folder = assignment.root / "autograded" / student / assignment.name
    if not folder.is_dir():
        return False
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        try:
            gradebook.find_submission(assignment.name, student)
        except MissingEntry:
            return False
    return True


def record(assignment: Assignment, report: Report) -> None:
    """Write one report into the gradebook, and the autograded notebook that formgrader shows.

    Raises `GradebookError` with nbgrader's words.
    """
    if report.verdict is Verdict.FAULT:
        raise GradebookError(f"{report.student} was not graded, so there is nothing to record")
    if report.verdict is Verdict.MISSING and not (_notebook(assignment, report.student)).exists():
        _record_nothing(assignment, report)
        return
    if _notebook(assignment, report.student).is_symlink():
        _record_nothing(assignment, report)
        return
    _convert(Autograde, _course(assignment.root, assignment.name, _escaped(report.student)), force=True)


def _notebook(assignment: Assignment, student: str) -> Path:
    return assignment.root / "submitted" / student / assignment.name / f"{assignment.name}.ipynb"


def _escaped(student: str) -> str:
    # nbgrader takes the student for a glob pattern.
    return "".join(f"[{c}]" if c in "*?[" else c for c in student)


def _record_nothing(assignment: Assignment, report: Report) -> None:
    """A zero for a folder that holds no notebook, which nbgrader's converter passes over."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        gradebook.update_or_create_student(report.student)
        submission = gradebook.update_or_create_submission(assignment.name, report.student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = 0.0, False
        gradebook.db.commit()
    shutil.rmtree(assignment.root / "autograded" / report.student / assignment.name, ignore_errors=True)
    (assignment.root / "autograded" / report.student / assignment.name).mkdir(parents=True)


def write_feedback(assignment: Assignment, reports: list[Report]) -> None:
    """Write nbgrader's feedback for each report and, beside it, the page ``report.html``."""
    for report in reports:
        if (assignment.root / "autograded" / report.student / assignment.name / f"{assignment.name}.ipynb").exists():
            course = _course(assignment.root, assignment.name, _escaped(report.student))
            _convert(GenerateFeedback, course, force=True)
        folder = assignment.root / "feedback" / report.student / assignment.name
        folder.mkdir(parents=True, exist_ok=True)
        page = feedback.page(report, assignment.manifest, datetime.now(UTC), _lateness(assignment, report.student))
        (folder / "report.html").write_text(page, encoding="utf-8")


def _lateness(assignment: Assignment, student: str) -> str | None:
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        try:
            submission = gradebook.find_submission(assignment.name, student)
        except MissingEntry:
            return None
        seconds, penalty = submission.total_seconds_late, submission.late_submission_penalty or 0.0
    if seconds <= 0:
        return None
    share = assignment.manifest.penalty(seconds)
    return f"Handed in {seconds / 3600:.1f} hours after the due time: {share:.0%} off, which is {penalty:g} points."


def export(root: Path, path: Path) -> None:
    """Write all grades as CSV."""
    plugin = GradesCsv(to=str(path.absolute()))
    plugin.log = logging.getLogger("autograder.nbgrader")
    with contextlib.chdir(root), Gradebook(gradebook_url(root)) as gradebook:
        plugin.export(gradebook)


def require(assignment: Assignment) -> None:
    """Make the gradebook ready for an assignment. Raises `AssignmentError` when the release has not been made."""
    if not (assignment.release / f"{assignment.name}.ipynb").exists():
        what = f"assignments/{assignment.name}/{assignment.name}.ipynb"
        raise AssignmentError(f"{what} has not been made; run `autograder release {assignment.name}`")
    if not known(assignment):
        release(assignment)
