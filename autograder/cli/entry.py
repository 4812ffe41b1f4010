"""Reads the words of a command line and runs the command; what goes wrong becomes one sentence here."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from autograder.cli import authors, collecting, grading, records
from autograder.cli.common import Commands, say
from autograder.course.errors import AssignmentError, GradingError
from autograder.jail.errors import JailError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 something was found wrong, 2 it could not be done."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except (AssignmentError, JailError, GradingError) as error:
        say.print(f"[red]autograder:[/red] {escape(str(error))}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        say.print("\nstopped; what was graded is kept, and the same command goes on from there")
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograder", description="Grades notebooks in a jail, by hidden pytest suites."
    )
    parser.add_argument("--root", type=Path, help="the course directory (default: the one around this folder)")
    commands = Commands(parser)
    for file in (authors, collecting, grading, records):
        file.add_to(commands)
    return parser
