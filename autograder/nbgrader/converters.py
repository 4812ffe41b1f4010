"""nbgrader's converters, run as its commands run them, for the students that are asked for."""

import contextlib
import io
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path

from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course.errors import AssignmentError
from autograder.nbgrader.config import configure


class GradebookError(AssignmentError):
    """Something that nbgrader would not do, in a sentence."""


def course_directory(root: Path, assignment: str = "", student: str = "*") -> CourseDirectory:
    """nbgrader's view of a course, configured as its own commands are here."""
    config = Config()
    configure(config, root)
    course = CourseDirectory(config=config, assignment_id=assignment, student_id=student)
    course.config = config
    return course


def convert(converter: type, course: CourseDirectory, **options: object) -> None:
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


class _OfSomeStudents:
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


class AutogradeSome(_OfSomeStudents, Autograde):
    """nbgrader's ``autograde`` for some students."""


class GenerateFeedbackForSome(_OfSomeStudents, GenerateFeedback):
    """nbgrader's ``generate_feedback`` for some students."""
