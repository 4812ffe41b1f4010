"""Commands about what grading made: export and where."""

import argparse
from pathlib import Path

from rich.table import Table

from autograder.cli.common import Commands, root_of, say
from autograder.course.errors import AssignmentError

PLACES = (
    ("the site", "_build/html/index.html", "open it in a browser; it needs no network"),
    ("student bundles", "bundles", "a zip an assignment, to hand out"),
    ("submissions", "submitted", "the sample class; put your own here in nbgrader's layout"),
    ("gradebook", "gradebook.db", "`make lab`, then Formgrader; or any nbgrader command in this folder"),
    ("autograded notebooks", "autograded", "what formgrader shows"),
    ("feedback", "feedback", "for each student nbgrader's page and report.html"),
    ("grades", "grades.csv", "one line a student and assignment"),
)


def add_to(commands: Commands) -> None:
    """Add the commands."""
    export = commands.add("export", _export, "write every grade as CSV")
    export.add_argument("--to", type=Path, help="the file (default: grades.csv of the course)")
    commands.add("where", _where, "say where everything that was made is, and how to open it")


def _export(args: argparse.Namespace) -> int:
    from autograder.nbgrader import gradebook

    root = root_of(args)
    if not (root / "gradebook.db").exists():
        raise AssignmentError(f"there is no gradebook in {root}; `autograder grade <assignment>` makes one")
    path = args.to or root / "grades.csv"
    gradebook.export(root, path)
    print(path)
    return 0


def _where(args: argparse.Namespace) -> int:
    root = root_of(args)
    table = Table(box=None, show_header=False, pad_edge=False)
    for what, path, how in PLACES:
        if (root / path).exists():
            table.add_row(f"[bold]{what}[/bold]", path, how)
    say.print(table)
    return 0
