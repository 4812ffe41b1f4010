"""Generates what students get from what authors write, and tells the gradebook."""

from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment

from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.converters import convert, course_directory
from autograder.nbgrader.gradebook import set_due_date


def release(assignment: Assignment, into: Path | None = None) -> None:
    """Generate an assignment's student version, in ``assignments/`` and the gradebook, or only in folder ``into``."""
    course = course_directory(assignment.root, assignment.name)
    if into is not None:
        course.config.CourseDirectory.release_directory = str(into)
        course.release_directory = str(into)
        course.config.SaveCells.enabled = False  # the gradebook need not exist for this, and is not to change
    convert(GenerateAssignment, course, force=True, no_database=into is not None)
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


def require(assignment: Assignment) -> None:
    """Make the gradebook ready for an assignment. Raises `AssignmentError` when the release has not been made."""
    if not (assignment.release / f"{assignment.name}.ipynb").exists():
        what = f"assignments/{assignment.name}/{assignment.name}.ipynb"
        raise AssignmentError(f"{what} has not been made; run `autograder release {assignment.name}`")
    if known(assignment):
        set_due_date(assignment)
    else:
        release(assignment)
