"""A cell's source as Python: its syntax tree, made once for all that read it. Nothing is executed."""

import ast
import functools
import re
import warnings
from collections.abc import Callable
from typing import TypeVar

MAX_CHARACTERS = 256 << 10  # that are read of a cell: a syntax tree takes some 300 times its source's memory
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what is raised where a source is no Python
_KEPT_CHARACTERS = 8_000  # of a source of which anything is kept, so that all that is kept stays small
Found = TypeVar("Found")

_PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3")
# `%magic`, `!shell`, `?help`, `names = !ls`, `help?`
_MAGIC = re.compile(r"^(\s*)(?:%{1,2}[a-zA-Z_]|[!?]|[\w, ]+=\s*(?:%[a-zA-Z_]|!(?!=))|[\w.]+\?{1,2}\s*$).*")


class TooLong(ValueError):
    """A source of more than `MAX_CHARACTERS`, which may be Python or not."""


def once_a_source(reader: Callable[[str], Found]) -> Callable[[str], Found]:
    """A reader that keeps what it last found in short sources: a notebook is read for each of its exercises."""
    kept = functools.lru_cache(maxsize=64)(reader)

    @functools.wraps(reader)
    def read(source: str) -> Found:
        return kept(source) if len(source) <= _KEPT_CHARACTERS else reader(source)

    return read


@once_a_source
def syntax_tree(source: str) -> ast.Module:
    """The syntax tree of a source, which its readers share and leave as it is. Raises one of `UNREADABLE`."""
    if len(source) > MAX_CHARACTERS:
        raise TooLong(f"longer than {MAX_CHARACTERS:,} characters")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's invalid escape is no business of our stderr
        return ast.parse(source)


def read_cell(source: str, reader: Callable[[str], Found]) -> Found:
    """What ``reader`` makes of a cell, or, where it is no Python, of the cell without its magics."""
    try:
        return reader(source)
    except TooLong:
        raise
    except (SyntaxError, ValueError):
        return reader(python_of(source))


def python_of(source: str) -> str:
    """``source`` with magics and shell lines replaced and each line where it was; empty for another language."""
    lines = source.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is not None and (cell_magic := re.match(r"\s*%%(\w+)", lines[first])):
        if cell_magic[1] not in _PYTHON_MAGICS:
            return ""
        lines[first] = ""
    return "\n".join(_MAGIC.sub(r"\1pass", line) for line in lines)


def line_of(source: str, number: int) -> str:
    """The line ``number``, from 1, without the space around it and cut to 200 characters; empty where there is none."""
    lines = source.splitlines()
    return lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""
