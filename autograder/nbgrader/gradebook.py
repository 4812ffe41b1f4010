"""Puts reports into nbgrader's gradebook, autograded notebooks and feedback, through nbgrader's own converters."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

from nbconvert.exporters import html
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from traitlets.config import Config

from autograder import feedback, fleet
from autograder.assignment import Assignment, AssignmentError
from autograder.fleet import available_cores
from autograder.nbgrader.config import configure
from autograder.nbgrader.execute import grades_at_hand
from autograder.nbgrader.export import GradesCsv
from autograder.nbgrader.hooks import gradebook_url, set_aside_oddities, set_due_date
from autograder.nbgrader.late import assign_penalties
from autograder.report import Report, Verdict

KEPT_TEXTS = 1000
WORTH_A_PROCESS = 5  # pages, which take longer than another process takes to start


class GradebookError(AssignmentError):
    """Something that nbgrader would not do, in a sentence."""


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
    """Generate an assignment's student version, in ``assignments/`` and the gradebook, or only in folder ``into``."""
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


def recorded(assignment: Assignment) -> set[str]:
    """The students for whom the gradebook and the autograded folder hold something."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        students = {submission.student.id for submission in gradebook.assignment_submissions(assignment.name)}
    return {s for s in students if (assignment.root / "autograded" / s / assignment.name).is_dir()}


class _Submissions(Session):
    """A database session in which nbgrader's many commits of one submission wait for `settle`."""

    def commit(self) -> None:
        """What nbgrader calls: bring the database's own sums up to date, as a commit does, and keep all of it back."""
        self.flush()
        self.expire_all()

    def settle(self) -> None:
        """Commit what was kept back."""
        super().commit()


@contextlib.contextmanager
def _one_gradebook(root: Path) -> Iterator[Callable[[], None]]:
    """Let all of nbgrader's steps share one open gradebook; gives the function that settles what they wrote.

    nbgrader opens the gradebook anew in every step of every submission and looks through all of its tables, SQLAlchemy
    compiles every query anew each time, and every cell is a transaction of its own that waits for the disk. So a
    submission is also recorded whole or not at all.
    """
    opened = Gradebook(gradebook_url(root))
    opened.db.remove()
    opened.db = scoped_session(sessionmaker(class_=_Submissions, bind=opened.engine, future=True))
    originals = Gradebook.__init__, Gradebook.close

    def share(self: Gradebook, *_: object, **__: object) -> None:
        self.__dict__.update(opened.__dict__)

    Gradebook.__init__, Gradebook.close = share, lambda self: None
    settle = opened.db().settle
    try:
        yield settle
    finally:
        Gradebook.__init__, Gradebook.close = originals
        opened.close()


class _Unparsed:
    """Stands in for BeautifulSoup where nbconvert parses a finished page once more to look for images without a text.

    Ours have theirs, and that pass takes as long as rendering the page.
    """

    def __init__(self, page: str, features: str) -> None:
        self._page = page

    def select(self, selector: str) -> tuple[()]:
        return ()

    def __str__(self) -> str:
        return self._page


class _HighlightedOnce(html.Highlight2HTML):
    """Highlights each of the author's ``cells`` once: the locked ones are the same in every submission."""

    cells: ClassVar[frozenset[str]] = frozenset()
    pages: ClassVar[dict[tuple[str, str | None], str]] = {}

    def __call__(self, source: str, language: str | None = None, metadata: dict[str, Any] | None = None) -> str:
        if source not in self.cells:
            return super().__call__(source, language, metadata)
        if (source, language) not in self.pages:
            self.pages[source, language] = super().__call__(source, language, metadata)
        return self.pages[source, language]


class _RenderedOnce(html.MarkdownWithMath):
    """Renders each text once: what the author wrote is the same in every submission."""

    pages: ClassVar[dict[str, str]] = {}

    def render(self, text: str) -> str:
        if self.renderer.attachments:
            return super().render(text)
        if text not in self.pages:
            if len(self.pages) >= KEPT_TEXTS:
                self.pages.clear()
            self.pages[text] = super().render(text)
        return self.pages[text]


@contextlib.contextmanager
def _pages_as_rendered(assignment: Assignment) -> Iterator[None]:
    _HighlightedOnce.cells = frozenset(cell.source for cell in assignment.released_notebook.cells)
    _HighlightedOnce.pages.clear()
    originals = html.BeautifulSoup, html.MarkdownWithMath, html.Highlight2HTML
    html.BeautifulSoup, html.MarkdownWithMath, html.Highlight2HTML = _Unparsed, _RenderedOnce, _HighlightedOnce
    try:
        yield
    finally:
        html.BeautifulSoup, html.MarkdownWithMath, html.Highlight2HTML = originals


class _OfStudents:
    """A converter that works on some students alone and says which it is at. nbgrader itself knows one, or all."""

    students: Collection[str] = ()
    progress: Callable[[str], None] = staticmethod(lambda student: None)
    settle: Callable[[], None] = staticmethod(lambda: None)

    def init_notebooks(self) -> None:
        # nbgrader looks for folders by a glob pattern, which takes a name with brackets for a pattern of its own.
        name = self.coursedir.assignment_id
        folders = [self._format_source(name, student) for student in self.students]
        self.assignments = {folder: [os.path.join(folder, f"{name}.ipynb")] for folder in folders}

    def _format_source(self, assignment_id: str, student_id: str, escape: bool = False) -> str:
        # nbgrader reads the student out of a path by a pattern, and stops the whole run at a name with a line break.
        path = super()._format_source(assignment_id, student_id, escape=escape)
        return f"(?s){path}" if escape else path

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        self.settle()  # the one before
        self.progress(student_id)
        return super().init_destination(assignment_id, student_id)


class _Autograde(_OfStudents, Autograde):
    pass


class _GenerateFeedback(_OfStudents, GenerateFeedback):
    pass


class Recording:
    """Reports on their way into the gradebook, the notebooks that formgrader shows, and the students' feedback.

    They may come a few at a time, while others are still being graded. Use it as a context manager. What was added and
    not finished is in the gradebook, without late penalty and feedback. ``progress`` is told of each student twice.
    """

    def __init__(self, assignment: Assignment, progress: Callable[[str], None] = lambda student: None) -> None:
        self._assignment, self._progress = assignment, progress
        self._course = _course(assignment.root, assignment.name)
        self._context = contextlib.ExitStack()
        self._settle: Callable[[], None] | None = None
        self._graded: dict[str, str] = {}  # as JSON: thousands of reports as objects would fill the memory
        self._with_notebook: set[str] = set()
        self._failed: dict[str, str] = {}

    def __enter__(self) -> Recording:
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
            set_due_date(self._assignment)
            self._settle = self._context.enter_context(_one_gradebook(self._assignment.root))
        for student in sorted(graded.keys() - with_notebook):
            self._progress(student)
            _record_nothing(self._assignment, student)
            self._settle()
        if not with_notebook:
            return
        options = {"force": True, "students": with_notebook, "progress": self._progress, "settle": self._settle}
        try:
            with grades_at_hand(graded):
                _convert(_Autograde, self._course, pre_convert_hook=set_aside_oddities, **options)
            self._settle()
        except GradebookError as error:
            # It says that nbgrader would not have one submission or another. The last one may well be recorded.
            with contextlib.suppress(SQLAlchemyError):
                self._settle()
            without = {s for s in with_notebook if not _is_file(_notebook(self._assignment, "autograded", s))}
            if not without:
                raise
            self._failed |= dict.fromkeys(without, str(error))

    def finish(self) -> dict[str, str]:
        """Give late penalties and feedback; returns the students that nbgrader would not record, with its words."""
        self._context.close()
        self._settle = None
        assignment = self._assignment
        if self._with_notebook:
            with contextlib.chdir(assignment.root), Gradebook(gradebook_url(assignment.root)) as gradebook:
                assign_penalties(gradebook, assignment.root)
            _give_feedback(assignment, sorted(self._with_notebook - self._failed.keys()), self._progress)
        lateness = _lateness(assignment)
        now = datetime.now(UTC)
        for student in self._graded.keys() - self._failed.keys():
            folder = assignment.root / "feedback" / student / assignment.name
            folder.mkdir(parents=True, exist_ok=True)
            report = Report.model_validate_json(self._graded[student])
            page = feedback.page(report, assignment.manifest, now, lateness.get(student))
            (folder / "report.html").write_text(page, encoding="utf-8")
        return self._failed


def record(
    assignment: Assignment, reports: list[Report], progress: Callable[[str], None] = lambda student: None
) -> dict[str, str]:
    """Record reports that are all at hand; returns the students that nbgrader would not record, with its words."""
    with Recording(assignment, progress) as recording:
        recording.add(reports)
        return recording.finish()


def _give_feedback(assignment: Assignment, students: list[str], progress: Callable[[str], None]) -> None:
    """nbgrader's feedback pages, a share of the students on each core. They only read the gradebook."""
    count = max(1, min(available_cores(), len(students) // WORTH_A_PROCESS))
    shares = [students[first::count] for first in range(count)]
    others = [_Share(assignment, share) for share in shares[1:]]
    try:

        def done(student: str) -> None:
            progress(student)
            for other in others:
                other.tell(progress)

        _feedback_pages(assignment, shares[0], done)
        for other in others:
            if not other.finish(progress):
                _feedback_pages(assignment, other.students, lambda student: None)
    finally:
        for other in others:
            other.process.kill()
            other.process.join()


def _feedback_pages(assignment: Assignment, students: Collection[str], progress: Callable[[str], None]) -> None:
    course = _course(assignment.root, assignment.name)
    with _one_gradebook(assignment.root), _pages_as_rendered(assignment):
        _convert(_GenerateFeedback, course, force=True, students=students, progress=progress)


class _Share:
    """Some students' feedback pages, being made by another process."""

    def __init__(self, assignment: Assignment, students: list[str]) -> None:
        self.students = students
        # Forked from here, where all is imported and, by now, no thread but this one runs.
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_make_share, args=(theirs, assignment, students))
        self.process.start()
        theirs.close()
        self._left = len(students)

    def tell(self, progress: Callable[[str], None], patience: float | None = 0) -> None:
        with contextlib.suppress(EOFError, OSError):
            while self._left and self._pipe.poll(patience):
                progress(self._pipe.recv())
                self._left -= 1

    def finish(self, progress: Callable[[str], None]) -> bool:
        """Wait for its end; whether it came to one of its own."""
        self.tell(progress, None)
        self.process.join()
        return self.process.exitcode == 0


def _make_share(pipe: Connection, assignment: Assignment, students: list[str]) -> None:
    fleet.die_with_parent()
    _feedback_pages(assignment, students, pipe.send)


def _notebook(assignment: Assignment, step: str, student: str) -> Path:
    return assignment.root / step / student / assignment.name / f"{assignment.name}.ipynb"


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _record_nothing(assignment: Assignment, student: str) -> None:
    """A zero for a folder that holds no notebook, which nbgrader's converter passes over."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        gradebook.update_or_create_student(student)
        submission = gradebook.update_or_create_submission(assignment.name, student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = 0.0, False
        gradebook.db.commit()
    shutil.rmtree(assignment.root / "autograded" / student / assignment.name, ignore_errors=True)
    (assignment.root / "autograded" / student / assignment.name).mkdir(parents=True)


def _lateness(assignment: Assignment) -> dict[str, str]:
    """For each student who was late, how late and what that costs, in words."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        late = [
            (s.student.id, s.total_seconds_late, s.late_submission_penalty or 0.0)
            for s in gradebook.assignment_submissions(assignment.name)
            if s.total_seconds_late > 0
        ]
    return {
        student: f"Handed in {seconds / 3600:.1f} hours after the due time: "
        f"{assignment.manifest.penalty(seconds):.0%} off, which is {points:g} points."
        for student, seconds, points in late
    }


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
