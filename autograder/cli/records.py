"""Commands about what grading made: feedback, export, backup, restore and where."""

import argparse
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.cli.common import Commands, chosen, root_of, say, takes_assignments
from autograder.course import places
from autograder.course.errors import AssignmentError
from autograder.course.text import printable

PLACES = (
    ("the site", "_build/html/index.html", "open it in a browser; it needs no network"),
    ("student bundles", "bundles", "a zip an assignment, to hand out"),
    ("submissions", "submitted", "the sample class; put your own here in nbgrader's layout"),
    ("gradebook", "gradebook.db", "`make lab`, then Formgrader; or any nbgrader command in this folder"),
    ("autograded notebooks", "autograded", "what formgrader shows"),
    ("feedback", "feedback", "for each student nbgrader's page and report.html"),
    ("grades", "grades.csv", "one line a student and assignment"),
    ("backups", "backups", "gradebook, secret and reports; `autograder restore` puts the last one back"),
)


def add_to(commands: Commands) -> None:
    """Add the commands."""
    feedback = commands.add(
        "feedback", _feedback, "bring all feedback up to date, with the scores and comments that were given by hand"
    )
    takes_assignments(feedback)
    feedback.add_argument("--zip", action="store_true", help="also a zip a student, to upload")
    export = commands.add("export", _export, "write every grade as CSV")
    export.add_argument("--to", type=Path, help="the file (default: grades.csv of the course)")
    commands.add(
        "backup",
        _backup,
        "keep the gradebook (with all scores and comments by hand), the course's secret and all reports in one dated "
        "file in backups/; submissions and what authors write are not in it",
    )
    restore = commands.add(
        "restore", _restore, "put a backup back, whole or not at all; what is there now is set aside in backups/"
    )
    restore.add_argument("file", nargs="?", type=Path, help="the backup (default: the last one in backups/)")
    commands.add("where", _where, "say where everything that was made is, and how to open it")


def _feedback(args: argparse.Namespace) -> int:
    from autograder.nbgrader import feedback

    root = root_of(args)
    _require_gradebook(root)
    failed = False
    for assignment in chosen(args):
        columns = TextColumn("feedback"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=say, disable=not say.is_terminal) as progress:
            bar = progress.add_task("feedback", total=None)

            def made_one(_: str, bar: TaskID = bar, progress: Progress = progress) -> None:
                progress.advance(bar)

            def expect(count: int, bar: TaskID = bar, progress: Progress = progress) -> None:
                progress.update(bar, total=count)

            done = feedback.bring_up_to_date(assignment, made_one, expect)
        for student, why in done.failed.items():
            say.print(f"[red]no feedback for {escape(printable(student))}:[/red] {escape(why)}", soft_wrap=True)
        failed |= bool(done.failed)
        kept = len(done.standings) - len(done.made) - len(done.failed)
        print(f"{assignment.name}: feedback made for {len(done.made)} students, up to date for {kept}")
        if args.zip:
            zips = feedback.zip_pages(assignment, done.standings)
            print(f"{len(zips)} zips: feedback/<student>/{assignment.name}.zip")
    return int(failed)


def _export(args: argparse.Namespace) -> int:
    from autograder.nbgrader import gradebook

    root = root_of(args)
    _require_gradebook(root)
    path = args.to or root / places.GRADES
    gradebook.export(root, path)
    print(path)
    return 0


def _backup(args: argparse.Namespace) -> int:
    from autograder.nbgrader import backup

    made = backup.make(root_of(args))
    what = "the gradebook, the secret" if made.gradebook else "the secret (there is no gradebook)"
    print(f"{made.path}: {what} and {made.reports} reports; submissions and what authors write are not in it")
    return 0


def _restore(args: argparse.Namespace) -> int:
    from autograder.nbgrader import backup

    root = root_of(args)
    restored, aside = backup.restore(root, args.file or backup.newest(root))
    print(f"{restored.path} of {restored.made:%-d %B %Y, %H:%M} is back; what was there is in {aside}")
    print("`autograder grade <assignment>` adds what was graded since; open formgrader anew if it is open")
    return 0


def _require_gradebook(root: Path) -> None:
    if not (root / places.GRADEBOOK).exists():
        raise AssignmentError(f"there is no gradebook in {root}; `autograder grade <assignment>` makes one")


def _where(args: argparse.Namespace) -> int:
    root = root_of(args)
    table = Table(box=None, show_header=False, pad_edge=False)
    for what, path, how in PLACES:
        if (root / path).exists():
            table.add_row(f"[bold]{what}[/bold]", path, how)
    say.print(table)
    return 0
