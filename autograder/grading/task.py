"""One submission to grade, as it is sent to whatever process grades it."""

from dataclasses import dataclass

from autograder.course.assignment import HIDDEN
from autograder.course.submission import Submission


@dataclass(frozen=True)
class Task:
    """One submission to grade; ``only`` names the exercises if not all, ``suites`` the folder of the suites."""

    submission: Submission
    seed: int
    key: str
    only: frozenset[str] | None = None
    suites: str = HIDDEN
