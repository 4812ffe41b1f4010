"""Reads the words of a command line and runs the command; what goes wrong becomes one sentence here."""

import argparse
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from autograder.cli import authors, collecting, grading, records
from autograder.cli.common import Commands, say
from autograder.course.errors import in_a_sentence
from autograder.course.text import printable
from autograder.jail.errors import JailError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 something was found wrong, 2 it could not be done."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        say.print("\nstopped; what was graded is kept, and the same command goes on from there")
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if args.debug:
            say.print(traceback.format_exc(), markup=False, soft_wrap=True)
        told = str(error) if isinstance(error, JailError) else in_a_sentence(error)
        say.print(f"[red]autograder:[/red] {escape(printable(told))}", soft_wrap=True)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograder", description="Grades notebooks in a jail, by hidden pytest suites."
    )
    parser.add_argument("--root", type=Path, help="the course directory (default: the one around this folder)")
    parser.add_argument("--debug", action="store_true", help="show where in the program an error comes from")
    commands = Commands(parser)
    for file in (authors, collecting, grading, records):
        file.add_to(commands)
    return parser
