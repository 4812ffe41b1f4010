"""The command that takes an archive of submissions in: collect."""

import argparse
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from autograder.cli.attention import show_attention
from autograder.cli.common import Commands, root_of
from autograder.collect.owners import EXAMPLE
from autograder.course import places
from autograder.course.assignment import load_assignment
from autograder.course.attention import about_submission
from autograder.course.submission import read_submission


def add_to(commands: Commands) -> None:
    """Add the command."""
    collect = commands.add(
        "collect", _collect, "unpack an archive of submissions into nbgrader's layout, trusting nothing in it"
    )
    collect.add_argument("assignment")
    collect.add_argument("archive", type=Path, help="the archive of students' files that was downloaded")
    collect.add_argument("--submitted", type=Path, help="where to (default: submitted/ of the course)")
    collect.add_argument(
        "--pattern",
        metavar="REGEX",
        help="how file names say whose they are, with the groups (?P<student_id>…) and (?P<file_id>…), for example "
        f"{EXAMPLE}; default: as nbgrader, Moodle, Canvas, Blackboard, Brightspace, Gradescope, Google Classroom and "
        "GitHub Classroom name them, or <student>_<assignment>.ipynb",
    )
    collect.add_argument(
        "--timestamps",
        metavar="ZONE",
        help="take the archive's file times as when work was handed in; a zip's are local times, of this zone "
        "(for example Europe/Vienna). Systems differ in what they write there, so look at a few first",
    )


def _collect(args: argparse.Namespace) -> int:
    from autograder.collect.collect import collect
    from autograder.collect.errors import ArchiveError
    from autograder.collect.misplaced import find_misplaced

    root = root_of(args)
    assignment = load_assignment(root, args.assignment)
    submitted = args.submitted or root / "submitted"
    try:
        zone = ZoneInfo(args.timestamps) if args.timestamps else None
    except (ValueError, OSError, LookupError):
        raise ArchiveError(f"there is no time zone {args.timestamps!r}; one is Europe/Vienna, another UTC") from None
    collected = collect(args.archive, submitted, assignment.name, args.pattern, zone, root / places.REPLACED)
    for outcome in collected.outcomes:
        print(outcome)
    students = collected.students()
    found = find_misplaced(assignment, submitted, frozenset(students))
    attention = [*collected.attention, *found.attention]
    for student in students:
        submission = read_submission(submitted / student / assignment.name, student, assignment.name)
        attention += about_submission(assignment, submission)
    counts = [f"{len(collected.students(each))} students' work {each}" for each in ("taken", "replaced", "unchanged")]
    print(", ".join(counts), f"in {submitted}")
    if zone is None and collected.students("taken", "replaced"):
        print("no times were taken, so nobody counts as late; --timestamps ZONE takes the archive's")
    show_attention(Console(highlight=False), found.taken, attention)
    return int(bool(attention))
