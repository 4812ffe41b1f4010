"""Puts reports into nbgrader's gradebook, autograded notebooks and feedback, through nbgrader's own converters."""

import contextlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy.exc import SQLAlchemyError

from autograder.course.assignment import Assignment
from autograder.course.report import Report
from autograder.course.verdict import Verdict
from autograder.nbgrader import feedback_page
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.converters import AutogradeSome, GradebookError, convert, course_directory
from autograder.nbgrader.execute import grades_at_hand
from autograder.nbgrader.feedback import make_feedback
from autograder.nbgrader.gradebook import lateness_in_words, record_nothing
from autograder.nbgrader.hooks import set_aside_oddities
from autograder.nbgrader.late import assign_penalties
from autograder.nbgrader.patches import one_gradebook


class Recording:
    """Reports on their way into the gradebook, the notebooks that formgrader shows, and the students' feedback.

    They may come a few at a time, while others are still being graded. Use it as a context manager. What was added and
    not finished is in the gradebook, without late penalty and feedback. ``progress`` is told of each student twice.
    """

    def __init__(self, assignment: Assignment, progress: Callable[[str], None] = lambda student: None) -> None:
        self._assignment, self._progress = assignment, progress
        self._course = course_directory(assignment.root, assignment.name)
        self._context = contextlib.ExitStack()
        self._settle: Callable[[], None] | None = None
        self._graded: dict[str, str] = {}  # as JSON: thousands of reports as objects would fill the memory
        self._with_notebook: set[str] = set()
        self._failed: dict[str, str] = {}

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def add(self, reports: Collection[Report]) -> None:
        """Record the grades of some students, each whole or not at all. A `fault` is nobody's grade and passed over."""
        graded = {report.student: report for report in reports if report.verdict is not Verdict.FAULT}
        with_notebook = {s for s in graded if _is_file(_notebook(self._assignment, "submitted", s))}
        if not graded:
            return
        self._graded |= {student: report.model_dump_json() for student, report in graded.items()}
        self._with_notebook |= with_notebook
        if self._settle is None:
            self._settle = self._context.enter_context(one_gradebook(self._assignment.root))
        for student in sorted(graded.keys() - with_notebook):
            self._progress(student)
            record_nothing(self._assignment, student)
            self._settle()
        if not with_notebook:
            return
        options = {"force": True, "students": with_notebook, "progress": self._progress, "settle": self._settle}
        try:
            with grades_at_hand(graded):
                convert(AutogradeSome, self._course, pre_convert_hook=set_aside_oddities, **options)
            self._settle()
        except GradebookError as error:
            # It says that nbgrader would not have one submission or another. The last one may well be recorded.
            with contextlib.suppress(SQLAlchemyError):
                self._settle()
            without = {s for s in with_notebook if not _is_file(_notebook(self._assignment, "autograded", s))}
            if not without:
                raise
            self._failed |= dict.fromkeys(without, str(error))

    def refresh(self, report: Report) -> None:
        """Give late penalty and feedback anew for a report that the gradebook holds."""
        self._progress(report.student)
        self._graded[report.student] = report.model_dump_json()
        if _is_file(_notebook(self._assignment, "autograded", report.student)):
            self._with_notebook.add(report.student)

    def finish(self) -> dict[str, str]:
        """Give late penalties and feedback; returns the students that nbgrader would not record, with its words."""
        self._context.close()
        self._settle = None
        assignment = self._assignment
        if self._with_notebook:
            with contextlib.chdir(assignment.root), Gradebook(gradebook_url(assignment.root)) as gradebook:
                assign_penalties(gradebook, assignment.root)
            make_feedback(assignment, sorted(self._with_notebook - self._failed.keys()), self._progress)
        lateness = lateness_in_words(assignment)
        now = datetime.now(UTC)
        for student in self._graded.keys() - self._failed.keys():
            folder = assignment.root / "feedback" / student / assignment.name
            folder.mkdir(parents=True, exist_ok=True)
            report = Report.model_validate_json(self._graded[student])
            page = feedback_page.page(report, assignment.manifest, now, lateness.get(student))
            (folder / "report.html").write_text(page, encoding="utf-8")
        return self._failed


def record(
    assignment: Assignment, reports: list[Report], progress: Callable[[str], None] = lambda student: None
) -> dict[str, str]:
    """Record reports that are all at hand; returns the students that nbgrader would not record, with its words."""
    with Recording(assignment, progress) as recording:
        recording.add(reports)
        return recording.finish()


def _notebook(assignment: Assignment, step: str, student: str) -> Path:
    return assignment.root / step / student / assignment.name / f"{assignment.name}.ipynb"


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
