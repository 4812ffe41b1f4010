"""Where a course's own things are, below its root."""

from pathlib import Path

GRADEBOOK = Path("gradebook.db")  # nbgrader's
FEEDBACK = Path("feedback")
GRADES = Path("grades.csv")
RELEASES = Path("assignments")
BACKUPS = Path("backups")
STATE = Path(".autograder")
SECRET = STATE / "secret"  # what seeds are drawn from
REPORTS = STATE / "reports"  # by key
LATEST = STATE / "latest"  # which report is each student's newest
PEOPLE = STATE / "people.json"  # whose work students' folders hold, by a system's numbers
REPLACED = STATE / "replaced"  # what `collect` found where it put something new
PAGES = STATE / "feedback"  # what each student's pages were made from
RESTORING = STATE / "restoring.json"  # there while a backup is put back
SET_ASIDE = STATE / "set-aside"  # links and the like that nbgrader would have followed
