"""What commands share: where they say things, which course and assignments they are about, and where tasks run."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from autograder.course import files, places
from autograder.course.assignment import Assignment, assignment_names, find_root, load_assignment
from autograder.course.errors import AssignmentError
from autograder.grading.executor import Executor
from autograder.grading.local import LocalExecutor

say = Console(stderr=True, highlight=False)
if not say.is_terminal:
    say = Console(stderr=True, highlight=False, width=150)  # a log file has room for the table


class Commands:
    """The commands of a parser; each file of this room adds its own."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        """A command called ``name``, which ``run`` does; ``about`` says in one line what it is for."""
        made = self._parsers.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        made.set_defaults(run=run)
        return made


def positive(text: str) -> int:
    """An option's number from 1 up. Raises `ArgumentTypeError`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 1 up")
    return number


def root_of(args: argparse.Namespace) -> Path:
    """The course directory that a command is about, after what was interrupted there: a restore is finished, the
    rest is removed.

    Raises `AssignmentError`.
    """
    root = find_root(args.root or Path.cwd())
    if (root / places.RESTORING).exists():
        from autograder.nbgrader import backup

        backup.finish(root)
    files.remove_unfinished(root)
    return root


def takes_assignments(command: argparse.ArgumentParser) -> None:
    """Let a command name assignments, for `chosen`."""
    command.add_argument("assignment", nargs="*", help="assignments (default: all)")
    command.add_argument("--all", action="store_true", help="all assignments, said in so many words")


def chosen(args: argparse.Namespace) -> list[Assignment]:
    """The assignments that a command names, or all. Raises `AssignmentError`."""
    if args.all and args.assignment:
        raise AssignmentError(f"--all and {args.assignment[0]} say different things; leave one of them out")
    root = root_of(args)
    names = args.assignment or assignment_names(root)
    if not names:
        raise AssignmentError(f"there is no assignment in {root / 'solutions'}")
    return [load_assignment(root, name) for name in names]


def executor(args: argparse.Namespace) -> Executor:
    """Where tasks run. A cluster would be chosen here."""
    return LocalExecutor(args.jobs)
