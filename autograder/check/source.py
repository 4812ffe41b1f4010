"""The student's own lines, and the tests': where an error arose, what the source says, and lines to be shown."""

import ast
import linecache
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

from autograder.check.result import Frame, Lines
from autograder.course.manifest import Exercise
from autograder.measure.source_rules import Finding, SourceReading


def student_frames(error: BaseException | None, namespace: Mapping[str, Any]) -> tuple[Frame, ...]:
    """The lines of the notebook that ``error`` passed through, outermost first; the last is where it arose."""
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__ if error is not None else None):
        if frame.f_globals is namespace:
            lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
            around = range(max(1, line - 2), min(len(lines), line + 1) + 1)
            frames.append(Frame(frame.f_code.co_name, line, tuple((n, lines[n - 1].rstrip()) for n in around)))
    return tuple(frames[-4:])


def findings(name: str, namespace: Mapping[str, Any], exercise: Exercise) -> Iterator[Finding]:
    """What the source of the exercise's function, and of the notebook's functions that it uses, says."""
    functions = _reachable(name, namespace)
    cells: dict[str, str] = {}
    for function in functions:
        filename = function.__code__.co_filename
        if text := "".join(linecache.getlines(filename, function.__globals__)):
            cells[filename] = text
    # Earlier cells say under which names things were imported; only what stands in the functions themselves is told.
    history = [cell for cell in dict.fromkeys(namespace.get("In", ())) if isinstance(cell, str)][-100:]
    sources = [*history, *cells.values()]
    spans = [(f.__code__.co_filename, *_span(f)) for f in functions]
    for found in SourceReading(sources).findings(exercise.forbidden_names):
        if found.cell < len(history) or found.kind == "syntax":
            continue
        filename = list(cells)[found.cell - len(history)]
        if any(file == filename and first <= found.line <= last for file, first, last in spans):
            yield found


def _reachable(name: str, namespace: Mapping[str, Any]) -> list[FunctionType]:
    pending, found = [name], {}
    while pending and len(found) < 100:
        function = namespace.get(pending.pop())
        if isinstance(function, FunctionType) and function.__globals__ is namespace and id(function) not in found:
            found[id(function)] = function
            pending += function.__code__.co_names
    return list(found.values())


def _span(function: FunctionType) -> tuple[int, int]:
    first = function.__code__.co_firstlineno
    last, pending = first, [function.__code__]
    while pending:
        code = pending.pop()
        last = max([last, *(line for _, _, line in code.co_lines() if line)])
        pending += [constant for constant in code.co_consts if hasattr(constant, "co_lines")]
    return first, last


def test_sources(suite: Path) -> dict[str, Lines]:
    """The lines of each test of a suite, by the test's name."""
    text = suite.read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: tuple((n, lines[n - 1]) for n in range(node.lineno, (node.end_lineno or node.lineno) + 1))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }


def failed_line(error: BaseException | None, suite: Path) -> int | None:
    """The number of the test's own line that ``error`` came from, also where a helper of the suite raised it."""
    return next((line for frame, line in _in_suite(error, suite)), None)


def test_of(error: BaseException, suite: Path) -> str:
    """The name of the test that ``error`` came from; empty where it came from none."""
    return next((frame.f_code.co_name for frame, _ in _in_suite(error, suite)), "")


def _in_suite(error: BaseException | None, suite: Path) -> Iterator[tuple[FrameType, int]]:
    for frame, line in traceback.walk_tb(error.__traceback__ if error is not None else None):
        if frame.f_code.co_filename == str(suite):
            yield frame, line


def listing(lines: Lines, marked: int | None) -> list[tuple[str, bool]]:
    """Lines with their numbers, one of them with an arrow, each with whether it is that one."""
    return [(f"{'→' if n == marked else ' '} {n:>3}  {line}", n == marked) for n, line in lines]
