"""Late work, by the steps that the assignment's manifest states."""

from collections.abc import Sequence
from pathlib import Path

from nbgrader.api import Gradebook, SubmittedNotebook
from nbgrader.plugins import LateSubmissionPlugin

from autograder.course.assignment import assignment_names, find_root, load_assignment
from autograder.course.late_policy import LateStep, points_lost


class LatePenaltyPlugin(LateSubmissionPlugin):
    """nbgrader's plug-in for late penalties: takes off the share that ``[[late]]`` in ``assignment.toml`` says."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points to take off a notebook's ``score``. nbgrader does not pass the assignment; its caller knows it."""
        assignment = load_assignment(find_root(Path.cwd()), self.parent.assignment_id)
        return points_lost(assignment.manifest.late, score, total_seconds_late) or None


def assign_penalties(gradebook: Gradebook, root: Path) -> None:
    """Bring every late penalty up to date with the scores.

    nbgrader assigns a penalty when it autogrades and never again, so points that a person gives later would escape.
    """
    names = set(assignment_names(root))
    for assignment in gradebook.assignments:
        if assignment.name not in names:
            continue
        manifest = load_assignment(root, assignment.name).manifest
        for submission in assignment.submissions:
            for notebook in submission.notebooks:
                assign_penalty(notebook, manifest.late, notebook.score, submission.total_seconds_late)
    gradebook.db.commit()


def assign_penalty(notebook: SubmittedNotebook, steps: Sequence[LateStep], score: float, seconds_late: float) -> None:
    """Bring the late penalty of one notebook, whose score is ``score``, up to date."""
    notebook.late_submission_penalty = points_lost(steps, score, seconds_late) or None  # as nbgrader keeps it
