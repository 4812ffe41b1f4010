"""Puts reports into nbgrader's gradebook and autograded notebooks, through nbgrader's own converters."""

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path

from nbgrader import api
from sqlalchemy import select

from autograder.course.assignment import Assignment
from autograder.course.report import Report
from autograder.course.verdict import Verdict
from autograder.nbgrader import feedback
from autograder.nbgrader.converters import AutogradeSome, SubmissionError, convert, course_directory
from autograder.nbgrader.execute import grades_at_hand
from autograder.nbgrader.gradebook import record_nothing
from autograder.nbgrader.hooks import set_aside_oddities
from autograder.nbgrader.patches import SessionOfOneSubmission, one_gradebook


class Recording:
    """Reports on their way into the gradebook and the notebooks that formgrader shows.

    They may come a few at a time, while others are still being graded. Use it as a context manager: what was added is
    in the gradebook, without late penalty. ``progress`` is told of each student.
    """

    def __init__(self, assignment: Assignment, progress: Callable[[str], None] = lambda student: None) -> None:
        self._assignment, self._progress = assignment, progress
        self._course = course_directory(assignment.root, assignment.name)
        self._context = contextlib.ExitStack()
        self._session: SessionOfOneSubmission | None = None
        self.failed: dict[str, str] = {}

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def add(self, reports: Collection[Report], same: Collection[str] = ()) -> None:
        """Record the grades of some students, each whole or not at all. A `fault` is nobody's grade and passed over.

        Of the students ``same`` the gradebook has the same submission already: what was read of it counts as read.
        Students that nbgrader would not record are in ``failed``, with its words. Raises `GradebookError` and `OSError`
        when nothing can be recorded.
        """
        graded = {report.student: report for report in reports if report.verdict is not Verdict.FAULT}
        if not graded:
            return
        with_notebook = {s for s in graded if _is_file(_notebook(self._assignment, "submitted", s))}
        if self._session is None:
            self._session = self._context.enter_context(one_gradebook(self._assignment.root))
        session = self._session
        for student in sorted(graded.keys() - with_notebook):
            self._progress(student)
            record_nothing(self._assignment, student)
            session.settle()
        if not with_notebook:
            return
        left = set(with_notebook)
        read = {student: self._read(session, student) for student in same}

        def settle(student: str, _: Path) -> None:
            # nbgrader asks for every answer to be read again, though it be the same.
            for grade in read.get(student, []):
                grade.needs_manual_grade = False
            session.settle()

        try:
            with grades_at_hand(graded):
                convert(
                    AutogradeSome,
                    self._course,
                    pre_convert_hook=set_aside_oddities,
                    force=True,
                    students=with_notebook,
                    begin=self._progress,
                    settle=settle,
                    done=left.discard,
                    undo=session.rollback,
                )
        except SubmissionError as error:
            self.failed |= dict.fromkeys(left, str(error))

    def _read(self, session: SessionOfOneSubmission, student: str) -> list[api.Grade]:
        """The grades of written questions whose answers a person has read."""
        grades = (
            select(api.Grade)
            .join(api.BaseCell, api.BaseCell.id == api.Grade.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Grade.notebook_id)
            .join(api.SubmittedAssignment, api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .where(
                api.Assignment.name == self._assignment.name,
                api.SubmittedAssignment.student_id == student,
                api.BaseCell.name.in_(self._assignment.written),
                api.Grade.manual_score.is_not(None),
                api.Grade.needs_manual_grade.is_(False),
            )
        )
        return list(session.scalars(grades))


def record(
    assignment: Assignment, reports: list[Report], progress: Callable[[str], None] = lambda student: None
) -> dict[str, str]:
    """Record reports that are all at hand, and make feedback; returns whom nbgrader would not have, with its words."""
    with Recording(assignment, progress) as recording:
        recording.add(reports)
    made = feedback.bring_up_to_date(assignment, progress)
    return recording.failed | made.failed


def _notebook(assignment: Assignment, step: str, student: str) -> Path:
    return assignment.root / step / student / assignment.name / f"{assignment.name}.ipynb"


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
