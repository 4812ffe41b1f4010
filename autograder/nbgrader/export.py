"""Grades as CSV that any spreadsheet reads rightly: quoted, and with no cell that a spreadsheet would run."""

import csv
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

from autograder.course import files
from autograder.course.assignment import find_root
from autograder.course.errors import AssignmentError
from autograder.nbgrader.late import assign_penalties

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score", "needs_manual_grade",
)  # fmt: skip


class GradesCsv(ExportPlugin):
    """nbgrader's export plug-in: the columns of its own CSV and whether a person still has to grade something.

    Late penalties are brought up to date first, so that points given by hand are in them.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write ``--to`` (default ``grades.csv``) with a line a student and assignment."""
        assign_penalties(gradebook, find_root(Path.cwd()))
        path = Path(self.to or "grades.csv")
        if not path.absolute().parent.is_dir():
            raise AssignmentError(
                f"there is no folder {path.absolute().parent} to write {path.name} into; make it first"
            )
        chosen_students, chosen = {str(s) for s in self.student}, {str(a) for a in self.assignment}
        students = [s for s in gradebook.students if not chosen_students or s.id in chosen_students]
        assignments = [a for a in gradebook.assignments if not chosen or a.name in chosen]
        # In one order, so that two exports can be compared. The gradebook keeps that in which students were recorded.
        with files.whole(path) as new, new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for student in sorted(students, key=lambda student: student.id):
                for assignment in sorted(assignments, key=lambda assignment: assignment.name):
                    row = _row(gradebook, assignment, student)
                    writer.writerow({name: harmless(value) for name, value in row.items()})


def _row(gradebook: Gradebook, assignment: Any, student: Any) -> dict[str, Any]:
    row = {
        "assignment": assignment.name, "duedate": assignment.duedate, "timestamp": "", "student_id": student.id,
        "last_name": student.last_name, "first_name": student.first_name, "email": student.email,
        "raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0, "max_score": assignment.max_score,
        "needs_manual_grade": False,
    }  # fmt: skip
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return row
    penalty = submission.late_submission_penalty or 0.0
    row |= {
        "timestamp": submission.timestamp, "raw_score": submission.score, "late_submission_penalty": penalty,
        "score": round(max(0.0, submission.score - penalty), 2), "needs_manual_grade": submission.needs_manual_grade,
    }  # fmt: skip
    return row


def harmless(value: Any) -> Any:
    """``value`` as a cell that no spreadsheet takes for a formula: text that starts like one gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
