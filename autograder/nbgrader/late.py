"""Late work, by the steps that the assignment's manifest states."""

from __future__ import annotations

from pathlib import Path

from nbgrader.plugins import LateSubmissionPlugin

from autograder.assignment import find_root, load


class LateSteps(LateSubmissionPlugin):
    """nbgrader's plug-in for late penalties: takes off the share that ``[[late]]`` in ``assignment.toml`` says."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points to take off a notebook's ``score``. nbgrader does not pass the assignment; its caller knows it."""
        assignment = load(find_root(Path.cwd()), self.parent.assignment_id)
        return round(score * assignment.manifest.penalty(total_seconds_late), 2) or None
