"""Generates what students get from what authors write, and tells the gradebook: both or neither, whenever it ends.

A release is made in a folder of its own beside the old one, which stays until the new one is there and takes its place
in one step.
"""

import ctypes
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateAssignment

from autograder.course import agreement, files
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.nbgrader.converters import SubmissionError, convert, course_directory
from autograder.nbgrader.database import open_gradebook
from autograder.nbgrader.gradebook import set_due_date

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def release(assignment: Assignment) -> None:
    """Generate an assignment's student version in ``assignments/`` and in the gradebook.

    Raises `AssignmentError`, with everything as it was, where the parts of the assignment do not agree or students
    would get what they may not, and where nbgrader would not have it.
    """
    _refuse(assignment, chain(agreement.notebook_problems(assignment), agreement.suite_problems(assignment)))
    files.remove_unfinished(assignment.root)
    with files.scratch(assignment.release.parent) as folder:
        generate(assignment, folder)
        _refuse(assignment, agreement.leaks(assignment, folder / assignment.name))
        # The gradebook first, for nbgrader may refuse; `require` finds out when the folder was not put in place after.
        _tell_gradebook(assignment, folder)
        put_in_place(folder / assignment.name, assignment.release)
    set_due_date(assignment)


def generate(assignment: Assignment, into: Path, tell_gradebook: bool = False) -> None:
    """Generate an assignment's student version as ``<into>/<assignment>``. Raises `AssignmentError`."""
    course = course_directory(assignment.root, assignment.name)
    course.config.CourseDirectory.release_directory = course.release_directory = str(into)
    course.config.SaveCells.enabled = tell_gradebook
    convert(GenerateAssignment, course, force=True, no_database=not tell_gradebook)


def _tell_gradebook(assignment: Assignment, folder: Path) -> None:
    try:
        generate(assignment, folder, tell_gradebook=True)
    except SubmissionError as error:
        if "there are submissions associated" not in str(error):
            raise
        name = assignment.name
        raise AssignmentError(
            f"{name} cannot be released with cells added, removed or renamed: the gradebook holds submissions that "
            "were graded without the change; take it back, or run `autograder backup`, "
            f"`nbgrader db assignment remove {name} --force`, `autograder release {name}` and "
            f"`autograder grade {name}`: its scores and comments by hand are then in the backup alone"
        ) from error


def known(assignment: Assignment) -> bool:
    """Whether the gradebook and the release hold the cells and points that the manifest states."""
    if not (assignment.root / "gradebook.db").exists():
        return False
    with open_gradebook(assignment.root) as gradebook:
        try:
            notebook = gradebook.find_notebook(assignment.name, assignment.name)
        except MissingEntry:
            return False
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    wanted = {f"check-{n}": e.points for n, e in assignment.exercises.items()}
    wanted |= {n: e.points for n, e in assignment.written.items()}
    return points == wanted == _released_points(assignment)


def require(assignment: Assignment) -> None:
    """Make the gradebook ready for an assignment. Raises `AssignmentError` when the release has not been made."""
    if not (assignment.release / f"{assignment.name}.ipynb").exists():
        what = f"assignments/{assignment.name}/{assignment.name}.ipynb"
        raise AssignmentError(f"{what} has not been made; run `autograder release {assignment.name}`")
    if known(assignment):
        set_due_date(assignment)
    else:
        release(assignment)


def put_in_place(new: Path, place: Path) -> None:
    """Put the folder ``new`` where ``place`` is, or shall be, in one step; what was there is then called ``new``.

    A file system that cannot exchange two folders gets the files one by one, each in one step.
    """
    if not place.exists():
        new.rename(place)
        return
    try:
        _exchange(new, place)
    except (OSError, AttributeError):  # NFS cannot, macOS has it by another name, and a container's layers may refuse
        files.move_files(new, place)


def _exchange(one: Path, other: Path) -> None:
    """Exchange two folders. Raises `OSError` where the file system cannot, `AttributeError` where the system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "two folders could not be exchanged", str(other))


def _refuse(assignment: Assignment, problems: Iterator[str]) -> None:
    """Raise `AssignmentError` with the first of ``problems``, and how many there are besides, if there is one."""
    first, others = next(problems, None), len(list(problems))
    if first is not None:
        more = f", and {others} more" if others else ""
        raise AssignmentError(
            f"{assignment.name} cannot be released: {first} (`autograder validate {assignment.name}` lists it{more})"
        )


def _released_points(assignment: Assignment) -> dict[str, float]:
    """The points of each graded cell of the release."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in assignment.released_notebook.cells]
    return {mark["grade_id"]: mark["points"] for mark in marks if mark.get("grade")}
