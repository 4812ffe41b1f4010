"""What is read from nbgrader's gradebook, and written to it beside grades."""

import contextlib
import logging
import shutil
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.course.assignment import Assignment
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.export import GradesCsv


def set_due_date(assignment: Assignment) -> None:
    """Give the gradebook the manifest's due date, from which nbgrader reckons how late a submission is."""
    due = assignment.manifest.due.strftime("%Y-%m-%d %H:%M:%S %z")
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        gradebook.update_or_create_assignment(assignment.name, duedate=due)


def enrol(root: Path, students: list[str]) -> None:
    """Make students known to the gradebook, those included who hand in nothing."""
    with Gradebook(gradebook_url(root)) as gradebook:
        for student in students:
            gradebook.update_or_create_student(student)


def recorded_students(assignment: Assignment) -> set[str]:
    """The students for whom the gradebook and the autograded folder hold something."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        students = {submission.student.id for submission in gradebook.assignment_submissions(assignment.name)}
    return {s for s in students if (assignment.root / "autograded" / s / assignment.name).is_dir()}


def record_nothing(assignment: Assignment, student: str) -> None:
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


def lateness_in_words(assignment: Assignment) -> dict[str, str]:
    """For each student who was late, how late and what that costs, in words."""
    with Gradebook(gradebook_url(assignment.root)) as gradebook:
        late = [
            (s.student.id, s.total_seconds_late, s.late_submission_penalty or 0.0)
            for s in gradebook.assignment_submissions(assignment.name)
            if s.total_seconds_late > 0
        ]
    return {
        student: f"Handed in {seconds / 3600:.1f} hours after the due time: "
        f"{assignment.manifest.share_lost(seconds):.0%} off, which is {points:g} points."
        for student, seconds, points in late
    }


def export(root: Path, path: Path) -> None:
    """Write all grades as CSV."""
    plugin = GradesCsv(to=str(path.absolute()))
    plugin.log = logging.getLogger("autograder.nbgrader")
    with contextlib.chdir(root), Gradebook(gradebook_url(root)) as gradebook:
        plugin.export(gradebook)
