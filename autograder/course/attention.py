"""What an instructor should look at, so that nobody's work is lost or gets a zero without a word."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course.assignment import Assignment, assignment_names, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.submission import Cell, Submission, words_of
from autograder.course.text import printable
from autograder.course.verdict import Verdict
from autograder.course.written import is_locked, written_answers


@dataclass(frozen=True)
class Attention:
    """One thing to look at: whom it concerns (empty when that is not known), where it is, what is there, what to do.

    ``ungraded`` says that somebody's work is there and was not graded.
    """

    who: str
    where: Path
    what: str
    to_do: str
    ungraded: bool = False

    def __str__(self) -> str:
        who = f"{printable(self.who, 120)}: " if self.who else ""
        return f"{who}{printable(str(self.where), 240)}: {printable(self.what, 400)}; {printable(self.to_do, 400)}"


@dataclass(frozen=True)
class Likeness:
    """What a notebook has of an assignment: how many of its statements, and how many of its exercises.

    An exercise counts when a cell defines it or claims its name.
    """

    statements: int
    exercises: int
    of_exercises: int

    @property
    def none(self) -> bool:
        """Whether nothing in the notebook is of the assignment."""
        return not self.statements and not self.exercises

    @property
    def certain(self) -> bool:
        """Whether the notebook is certainly one of the assignment: one common name of a function may be chance."""
        return self.statements > 0 or 0 < self.of_exercises <= 2 * self.exercises

    @property
    def parts(self) -> int:
        """How much there is in common, to compare assignments by."""
        return self.statements + self.exercises


def likeness(cells: Sequence[Cell], assignment: Assignment) -> Likeness:
    """What a notebook's cells have of an assignment."""
    released = assignment.released_notebook.cells
    statements = {words_of(c.source) for c in released if is_locked(c) and c.cell_type != "code"}
    there = {cell.words for cell in cells if cell.kind != "code"}
    claimed = {cell.grade_id for cell in cells}
    names = assignment.manifest.exercise
    found = [name for name in names if name in claimed or any(cell.defines(name) for cell in cells)]
    return Likeness(len(statements & there), len(found), len(names))


def other_assignment(cells: Sequence[Cell], assignment: Assignment) -> str:
    """The assignment of the course that a notebook is more like than ``assignment``; empty when there is none."""
    best, most = "", likeness(cells, assignment).parts
    for name in assignment_names(assignment.root):
        with contextlib.suppress(AssignmentError):  # another assignment that is broken says nothing about this one
            other = likeness(cells, load_assignment(assignment.root, name))
            if name != assignment.name and other.certain and other.parts > most:
                best, most = name, other.parts
    return best


def what_is_wrong(assignment: Assignment, submission: Submission) -> list[str]:
    """Why a submission that can be read has a zero that its code does not explain, a sentence each.

    These are for the report too.
    """
    if submission.problem:
        return []
    known = {words_of(cell.source) for cell in assignment.released_notebook.cells}
    if _is_of(assignment, submission):
        if all(cell.words in known for cell in submission.cells):
            return ["The notebook is the one that was given out, with nothing added."]
        return list(_code_in_text(assignment, submission))
    other = other_assignment(submission.cells, assignment)
    looks = f"; it looks like the notebook of {other}" if other else ""
    return [f"The notebook holds none of the exercises of {assignment.name}{looks}."]


def _is_of(assignment: Assignment, submission: Submission) -> bool:
    # Nearly every notebook holds a statement, and that is found out without parsing its code.
    known = {words_of(c.source) for c in assignment.released_notebook.cells if is_locked(c) and c.cell_type != "code"}
    if any(cell.kind != "code" and cell.words in known for cell in submission.cells):
        return True
    return not likeness(submission.cells, assignment).none


def _code_in_text(assignment: Assignment, submission: Submission) -> Iterator[str]:
    texts = [cell for cell in submission.cells if cell.kind != "code" and "def " in cell.source]
    for name in assignment.exercises:
        holding = [cell for cell in texts if Cell("code", cell.source).defines(name)]
        if holding and not any(cell.defines(name) for cell in submission.cells):
            yield f"{name} stands in a {holding[0].kind} cell, which is not run; it should be a code cell."


def about_submission(assignment: Assignment, submission: Submission) -> list[Attention]:
    """What an instructor should look at in one submission that is in its place. A folder without its notebook is left
    to whoever looks for the notebook.
    """
    path = submission.folder / f"{assignment.name}.ipynb"
    if submission.verdict is Verdict.MISSING:
        return []
    if submission.problem:
        to_do = "ask the student for the file as Jupyter saves it, or mend it, and grade again"
        return [Attention(submission.student, path, submission.problem, to_do)]
    found = [
        Attention(
            submission.student, path, what.rstrip("."), "if it is a mistake, ask the student for the right notebook"
        )
        for what in what_is_wrong(assignment, submission)
    ]
    answers = written_answers(assignment.released_notebook.cells, submission)
    for question, answer in answers.items():
        if answer.doubt and question in assignment.written:
            title = assignment.written[question].title
            to_do = "it is shown in the cell of the question, where formgrader asks for its points: see whether it is"
            found.append(Attention(submission.student, path, f"the answer to “{title}”: {answer.doubt}", to_do))
    return found
