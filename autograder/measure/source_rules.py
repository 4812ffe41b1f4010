"""What submitted source may say: forbidden names, attacks on the measurement, and lines that loop.

A reader of source can be fooled, so nothing here decides a grade by itself where a measurement can (`measure.work`). It
finds names that an exercise forbids and that leave no trace in PyTorch's dispatcher (``scipy.signal``), names that do
nothing but attack a measurement, and the lines where a loop is written, which a student wants to see.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from autograder.course.syntax import UNREADABLE, TooLong, line_of
from autograder.measure.source_names import (
    LOOP_STATEMENTS,
    UNKNOWN,
    Names,
    Node,
    matcher,
    nodes_of_cell,
    without_builtins,
)

Kind = Literal["loop", "call", "counter", "syntax"]
# Names that no solution needs, and that do nothing but count, trace or reach below PyTorch's dispatcher. Each covers
# everything under it; `*.name` is an attribute of whatever object. What else could reach the counter is not plain.
COUNTER = (
    "sys.settrace", "sys.setprofile", "sys.monitoring", "threading.settrace", "threading.settrace_all_threads",
    "threading.setprofile", "threading.setprofile_all_threads", "torch.utils._python_dispatch", "torch.library",
    "torch._library", "*._op_dk", "*.redispatch",
    # the harness's own code, which only the harness calls
    "autograder.authoring", "autograder.course", "autograder.grading", "autograder.jail", "autograder.measure",
    "autograder.nbgrader", "autograder.suite",
)  # fmt: skip
# Calls that loop over an array's entries in Python or one entry at a time.
LOOPING = (
    "builtins.map", "builtins.filter", "functools.reduce", "itertools", "numpy.vectorize", "numpy.apply_along_axis",
    "numpy.apply_over_axes", "numpy.frompyfunc", "numpy.fromiter", "numpy.ndenumerate", "numpy.ndindex", "numpy.nditer",
    "*.apply_", "*.map_", "*.tolist",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that the source says.

    ``name`` is a dotted name (``torch.nn.functional.conv2d``) or what kind of loop it is; ``line`` counts from 1 in
    its cell, ``cell`` from 0 among the sources; ``text`` is that line; ``scope`` the function around it, dotted, empty
    at the top of a cell.
    """

    kind: Kind
    name: str
    line: int
    cell: int
    text: str
    scope: str = ""


class SourceReading:
    """What the cells ``sources`` say, read as one program, once for all exercises.

    Imports under other names, plain re-assignments, ``getattr`` and ``import_module`` with a literal are followed. A
    name that is bound more than once counts as each of the things it was bound to. Never raises, whatever the text; a
    cell that cannot be read is one finding of kind ``syntax`` and the others are read all the same.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._findings: list[Finding] = []
        self._mentions: list[Finding] = []  # of kind `call`, with the whole of each name
        cells: list[tuple[int, str, tuple[Node, ...]]] = []
        names = Names()
        for index, source in enumerate(sources):
            try:
                nodes = nodes_of_cell(source)
            except UNREADABLE as error:
                self._findings.append(_unreadable(error, index, source))
            else:
                names.learn(nodes)
                cells.append((index, source, nodes))
        names.settle()
        for index, source, nodes in cells:
            try:
                for found in _read(nodes, names, index, source):
                    (self._mentions if found.kind == "call" else self._findings).append(found)
            except (RecursionError, MemoryError) as error:
                self._findings.append(_unreadable(error, index, source))

    def findings(self, forbid: Sequence[str] = ()) -> list[Finding]:
        """The loops, forbidden names and attacks on the counter, in the order in which they stand.

        ``forbid`` holds shell patterns for dotted names; each also covers what is under it, so ``scipy`` covers
        ``scipy.signal.convolve2d``.
        """
        forbidden = matcher(tuple(forbid))
        calls = [each for each in self._mentions if forbidden.match(without_builtins(each.name))]
        found = [*self._findings, *(replace(call, name=_shown(call.name)) for call in calls)]
        return sorted(found, key=lambda one: (one.cell, one.line, one.kind, one.name))


def _unreadable(error: Exception, cell: int, source: str) -> Finding:
    line, problem = _problem(error)
    return Finding("syntax", problem, line, cell, line_of(source, line))


def _problem(error: Exception) -> tuple[int, str]:
    """The line and the words of what keeps a cell from being read."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1, f"syntax error: {error.msg}"
    if isinstance(error, TooLong):
        return 1, str(error)
    if isinstance(error, ValueError):
        return 1, f"no text that Python reads: {error}"
    return 1, "nested too deeply to read"


def _shown(name: str) -> str:
    return without_builtins(name).removeprefix(f"{UNKNOWN}.")


def _read(nodes: Iterable[Node], names: Names, cell: int, source: str) -> Iterator[Finding]:
    lines = ["", *(line.strip()[:200] for line in source.splitlines()), ""]
    watched: tuple[tuple[Kind, re.Pattern[str]], ...] = (("counter", matcher(COUNTER)), ("loop", matcher(LOOPING)))
    kinds: dict[str, tuple[Kind, ...]] = {}
    seen: set[tuple[str, str, int]] = set()

    def found(kind: Kind, name: str, node: ast.AST, scope: str) -> Iterator[Finding]:
        line = getattr(node, "lineno", 1)
        if (kind, name, line) not in seen:
            seen.add((kind, name, line))
            yield Finding(kind, name, line, cell, lines[min(line, len(lines) - 1)], scope)

    for node, parent, around, _ in nodes:
        if loop := LOOP_STATEMENTS.get(type(node)):
            yield from found("loop", loop, node, around)
        if isinstance(node, ast.Name) and node.id in around.split(".") and isinstance(node.ctx, ast.Load):
            yield from found("loop", "recursion", node, around)
        for name in _said(node, names, isinstance(parent, ast.Attribute)):
            if name not in kinds:
                kinds[name] = tuple(kind for kind, pattern in watched if pattern.match(without_builtins(name)))
            yield from found("call", name, node, around)
            for kind in kinds[name]:
                yield from found(kind, _shown(name), node, around)


def _said(node: ast.AST, names: Names, inner: bool) -> Iterable[str]:
    """The dotted names that one node mentions; nothing for the inner part of a longer name, which says it all."""
    match node:
        case ast.Import(names=aliases):
            return [alias.name for alias in aliases]
        case ast.ImportFrom(module=module, names=aliases):
            return [f"{module or UNKNOWN}.{alias.name}" for alias in aliases]
        case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()) if not inner:
            return sorted(names.of(node))
        case ast.Call() | ast.Subscript():
            return sorted(names.of(node))
    return ()
