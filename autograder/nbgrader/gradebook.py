"""What is read from nbgrader's gradebook, and written to it beside grades."""

import contextlib
import logging
import shutil
from collections.abc import Collection
from pathlib import Path

from nbgrader import api
from sqlalchemy import func, select

from autograder.course.assignment import Assignment
from autograder.nbgrader.database import open_gradebook
from autograder.nbgrader.export import GradesCsv
from autograder.nbgrader.late import assign_penalty
from autograder.nbgrader.standing import Given, Standing


def set_due_date(assignment: Assignment) -> None:
    """Give the gradebook the manifest's due date, from which nbgrader reckons how late a submission is."""
    due = assignment.manifest.due.strftime("%Y-%m-%d %H:%M:%S %z")
    with open_gradebook(assignment.root) as gradebook:
        gradebook.update_or_create_assignment(assignment.name, duedate=due)


def enrol(root: Path, students: list[str]) -> None:
    """Make students known to the gradebook, those included who hand in nothing."""
    with open_gradebook(root) as gradebook:
        for student in students:
            gradebook.update_or_create_student(student)


def recorded_scores(assignment: Assignment) -> dict[str, float]:
    """What the tests gave each student by the gradebook; whose autograded notebook is gone is left out."""
    with open_gradebook(assignment.root) as gradebook:
        query = (
            select(api.SubmittedAssignment.student_id, func.coalesce(func.sum(api.Grade.auto_score), 0.0))
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id)
            .join(api.Grade, api.Grade.notebook_id == api.SubmittedNotebook.id)
            .where(api.Assignment.name == assignment.name)
            .group_by(api.SubmittedAssignment.student_id)
        )
        scores = {student: round(score, 2) for student, score in gradebook.db.execute(query)}
    return {s: score for s, score in scores.items() if _has_notebook(assignment, s)}


def _has_notebook(assignment: Assignment, student: str) -> bool:
    """Whether the student's autograded notebook is there; where none was handed in, its folder."""
    file = f"{assignment.name}.ipynb"
    folder = assignment.root / "autograded" / student / assignment.name
    handed_in = (assignment.root / "submitted" / student / assignment.name / file).is_file()
    return (folder / file).is_file() if handed_in else folder.is_dir()


def record_nothing(assignment: Assignment, student: str) -> None:
    """A zero for a folder that holds no notebook, which nbgrader's converter passes over."""
    with open_gradebook(assignment.root) as gradebook:
        gradebook.update_or_create_student(student)
        submission = gradebook.update_or_create_submission(assignment.name, student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score, grade.needs_manual_grade = 0.0, False
        gradebook.db.commit()
    shutil.rmtree(assignment.root / "autograded" / student / assignment.name, ignore_errors=True)
    (assignment.root / "autograded" / student / assignment.name).mkdir(parents=True)


def standings(assignment: Assignment, student: str | None = None) -> dict[str, Standing]:
    """What the gradebook says of every student's submission, or one's, its late penalty brought up to date first."""
    with open_gradebook(assignment.root) as gradebook:
        query = (
            select(api.SubmittedNotebook)
            .join(api.Notebook)
            .join(api.SubmittedAssignment, api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .where(api.Assignment.name == assignment.name, api.Notebook.name == assignment.name)
        )
        if student is not None:
            query = query.where(api.SubmittedAssignment.student_id == student)
        notebooks = {notebook.id: notebook for notebook in gradebook.db.scalars(query)}
        given = _given(gradebook, notebooks)
        found = {}
        for notebook in notebooks.values():
            seconds = notebook.assignment.total_seconds_late
            exercises = {name: given.get((notebook.id, name), Given(0.0)) for name in assignment.manifest.exercise}
            assign_penalty(notebook, assignment.manifest.late, sum(each.score for each in exercises.values()), seconds)
            penalty = notebook.late_submission_penalty or 0.0
            found[notebook.assignment.student_id] = Standing(exercises, penalty, seconds)
        gradebook.db.commit()
        return dict(sorted(found.items()))


def _given(gradebook: api.Gradebook, notebooks: Collection[str]) -> dict[tuple[str, str], Given]:
    """What the gradebook says of each exercise, by notebook and exercise, in two queries whatever their number."""
    comments = {
        (notebook, exercise): comment
        for notebook, exercise, comment in gradebook.db.execute(
            select(api.Comment.notebook_id, api.BaseCell.name, api.Comment.manual_comment)
            .join(api.BaseCell, api.BaseCell.id == api.Comment.cell_id)
            .where(api.Comment.manual_comment.is_not(None))
        )
    }
    found = {}
    columns = api.Grade.notebook_id, api.BaseCell.name, api.Grade.score, api.Grade.manual_score, api.Grade.extra_credit
    grades = select(*columns, api.Grade.needs_manual_grade).join(api.BaseCell, api.BaseCell.id == api.Grade.cell_id)
    for notebook, cell, score, manual, extra, to_be_read in gradebook.db.execute(grades):
        if notebook in notebooks:
            key = notebook, cell.removeprefix("check-")
            # Extra points are a person's as well, whoever gave the others.
            by_hand = score if manual is not None or extra else None
            found[key] = Given(score, by_hand, to_be_read, comments.get(key, ""))
    return found


def export(root: Path, path: Path) -> None:
    """Write all grades as CSV."""
    plugin = GradesCsv(to=str(path.absolute()))
    plugin.log = logging.getLogger("autograder.nbgrader")
    with contextlib.chdir(root), open_gradebook(root) as gradebook:
        plugin.export(gradebook)
