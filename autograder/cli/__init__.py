"""The command line: ``autograder grade a1-convolution`` and its sisters. The only place that parses argv."""

import sys
from collections.abc import Sequence

__all__ = ["main"]

STUDENT = """\
autograder: here is what a student needs, and its commands are for instructors.

In a notebook, in the folder that the assignment came in:
    from autograder.check import check
    check("an_exercise")    tests one exercise and shows what to look for
    check()                 shows where you stand with all of them

For an instructor: {missing} is not installed, and grading needs it. In the course's folder, run: make course
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Without what grading needs, only say what can be done instead."""
    try:
        from autograder.cli.entry import main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("autograder"):
            raise
        asked = list(sys.argv[1:] if argv is None else argv) in ([], ["-h"], ["--help"])
        print(STUDENT.format(missing=error.name), end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    return main(argv)
