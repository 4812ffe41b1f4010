"""nbgrader's converters, run as its commands run them, for the students that are asked for."""

import contextlib
import io
import logging
import os
import shutil
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from autograder.course import files, places
from autograder.course.errors import in_a_sentence, is_of_the_machine
from autograder.nbgrader.config import configure
from autograder.nbgrader.database import GradebookError, in_words, open_gradebook


def course_directory(root: Path, assignment: str = "", student: str = "*") -> CourseDirectory:
    """nbgrader's view of a course, configured as its own commands are here."""
    config = Config()
    configure(config, root)
    course = CourseDirectory(config=config, assignment_id=assignment, student_id=student)
    course.config = config
    return course


class _Said(logging.Handler):
    """Keeps what nbgrader logs, and the last exception that it was handling as it did."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [line for line in record.getMessage().splitlines() if line.strip()]
        handled = sys.exc_info()[1]
        if handled is not None and not isinstance(handled, NbGraderException):
            self.error = handled


class SubmissionError(GradebookError):
    """One submission or another is what nbgrader would not have; it has been through all that it was asked for."""


def convert(converter: type, course: CourseDirectory, **options: object) -> None:
    """Run one of nbgrader's converters as its command would; what it logs is kept for the error if there is one.

    Raises `SubmissionError`, `GradebookError` where the gradebook cannot be used, and `OSError` and `MemoryError` where
    the machine is what fails.
    """
    if not issubclass(converter, _OfSomeStudents) and not options.get("no_database"):  # those have an open gradebook
        with open_gradebook(Path(course.root)):
            pass  # it can be used, or this says why not
    log, said = logging.getLogger("autograder.nbgrader"), _Said()
    log.handlers, log.propagate = [said], False
    log.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            made = converter(coursedir=course, config=course.config, log=log)
            for name, value in options.items():
                setattr(made, name, value)
            made.start()
    except (NbGraderException, SystemExit) as error:
        if is_of_the_machine(said.error):
            raise said.error from error
        if isinstance(said.error, SQLAlchemyError):
            raise GradebookError(in_words(Path(course.root), said.error)) from said.error
        why = in_a_sentence(said.error) if said.error else " ".join(said.lines[-1:]) or str(error)
        raise SubmissionError(why) from error


class _OfSomeStudents:
    """A converter that works on some students alone and says which it is at. nbgrader itself knows one, or all.

    nbgrader empties a student's folder and then fills it. This one fills another, beside, and when that is whole
    ``settle`` is called, its files are moved to their places, and ``done`` is called. ``undo`` is called after what was
    not settled.
    """

    step = ""
    students: Collection[str] = ()
    begin: Callable[[str], None] = staticmethod(lambda student: None)
    settle: Callable[[str, Path], None] = staticmethod(lambda student, folder: None)
    done: Callable[[str], None] = staticmethod(lambda student: None)
    undo: Callable[[], None] = staticmethod(lambda: None)

    def start(self) -> None:
        unfinished = places.STATE / f"{files.UNFINISHED}{os.getpid()}-{self.step}"
        setattr(self.coursedir, f"{self.step}_directory", str(unfinished))
        try:
            super().start()
        finally:
            self.undo()
            shutil.rmtree(Path(self.coursedir.root) / unfinished, ignore_errors=True)

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
        self.undo()  # what is left of the one before, if that failed
        self.begin(student_id)
        self._at = student_id
        return super().init_destination(assignment_id, student_id)

    def run_post_convert_hook(self) -> None:
        # Not nbgrader's hook, which keeps to itself what goes wrong.
        name = self.coursedir.assignment_id
        folder = Path(self._format_dest(name, self._at))
        self.settle(self._at, folder)
        files.move_files(folder, Path(self.coursedir.root) / self.step / self._at / name)
        self.done(self._at)


class AutogradeSome(_OfSomeStudents, Autograde):
    """nbgrader's ``autograde`` for some students."""

    step = "autograded"


class GenerateFeedbackForSome(_OfSomeStudents, GenerateFeedback):
    """nbgrader's ``generate_feedback`` for some students."""

    step = "feedback"

    def run_pre_convert_hook(self) -> None:
        pass  # it is there for nbgrader's own command; late penalties are up to date
