"""Where the harness keeps what is its own, below a course's root."""

from pathlib import Path

STATE = Path(".autograder")
SECRET = STATE / "secret"  # what seeds are drawn from
REPORTS = STATE / "reports"  # by key
LATEST = STATE / "latest"  # which report is each student's newest
PEOPLE = STATE / "people.json"  # whose work students' folders hold, by a system's numbers
REPLACED = STATE / "replaced"  # what `collect` found where it put something new
SET_ASIDE = STATE / "set-aside"  # links and the like that nbgrader would have followed
