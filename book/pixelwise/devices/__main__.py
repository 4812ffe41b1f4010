"""`python -m pixelwise.devices cpu|gpu`: record what the book's pages and a few operators take and give here."""

import argparse
import sys
from pathlib import Path

from pixelwise import trained_once
from pixelwise.devices import KINDS, place
from pixelwise.devices.record import MINUTES, Refused, record

DESCRIPTION = """\
Run the cells of every page of the book, each page in a process of its own, and a few single operators, and
write what they took and gave. "cpu" hides a GPU from them; "gpu" needs one.

What is done stays when this is stopped, and the same command does the rest. It does again what was recorded on
another machine, with other versions, or before a change of the page's cells or of the library.
"""


def main(arguments: list[str] | None = None, course: Path = trained_once.COURSE) -> int:
    """Run the command and return its status: 1 where a page failed or lacked a library, 2 where it refuses."""
    parser = argparse.ArgumentParser(
        prog="python -m pixelwise.devices",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument(
        "pages", nargs="*", metavar="page", help="as book/01-convolution/backpropagation, or operators; default: all"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: cpu.json or gpu.json beside this command")
    parser.add_argument("--again", action="store_true", help="also what is recorded and has not changed")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, metavar="M", help=f"a page is stopped after; default: {MINUTES:g}"
    )
    parser.add_argument("--commit", metavar="C", help="of a copy of the course without git's folder")
    given = parser.parse_args(arguments)
    out = given.out or place(given.kind)
    try:
        whole = record(given.kind, out, course, given.pages, given.again, given.minutes, given.commit)
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command does what is missing.", file=sys.stderr)
        return 130
    print(f"The record is {out}.")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
