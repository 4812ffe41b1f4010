"""What submitted source may say: forbidden names, attacks on the measurement, and lines that loop.

A reader of source can be fooled, so nothing here decides a grade by itself where a measurement can (`measure.work`). It
finds names that an exercise forbids and that leave no trace in PyTorch's dispatcher (``scipy.signal``), names that do
nothing but attack a measurement, and the lines where a loop is written, which a student wants to see.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.measure.source_names import (
    LOOP_STATEMENTS,
    UNKNOWN,
    Names,
    Node,
    line_of,
    matcher,
    parse_cell,
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


def inspect_source(sources: Sequence[str], forbid: Sequence[str] = ()) -> list[Finding]:
    """The loops, forbidden names and attacks on the counter in the cells ``sources``, read as one program.

    ``forbid`` holds shell patterns for dotted names; each also covers what is under it, so ``scipy`` covers
    ``scipy.signal.convolve2d``. Imports under other names, plain re-assignments, ``getattr`` and ``import_module``
    with a literal are followed. A name that is bound more than once counts as each of the things it was bound to.
    Never raises, whatever the text; a cell that cannot be read is one finding of kind ``syntax`` and the others are
    read all the same.
    """
    findings: list[Finding] = []
    cells: list[tuple[int, str, tuple[Node, ...]]] = []
    for index, source in enumerate(sources):
        nodes = parse_cell(source)
        if isinstance(nodes[0], Node):
            cells.append((index, source, nodes))
        else:
            line, problem = nodes
            findings.append(Finding("syntax", problem, line, index, line_of(source, line)))
    names = Names()
    for _, _, nodes in cells:
        names.learn(node.node for node in nodes)
    names.settle()
    for index, source, nodes in cells:
        try:
            findings += _read(nodes, names, index, source, forbid)
        except (RecursionError, MemoryError):
            findings.append(Finding("syntax", "nested too deeply to read", 1, index, line_of(source, 1)))
    return sorted(findings, key=lambda found: (found.cell, found.line, found.kind, found.name))


def _read(nodes: Iterable[Node], names: Names, cell: int, source: str, forbid: Sequence[str]) -> Iterator[Finding]:
    seen: set[tuple[str, str, int]] = set()
    groups: tuple[tuple[Kind, Iterable[str]], ...] = (("call", forbid), ("counter", COUNTER), ("loop", LOOPING))
    kinds: dict[str, list[Kind]] = {}

    def found(kind: Kind, name: str, node: ast.AST, scope: str) -> Iterator[Finding]:
        line = getattr(node, "lineno", 1)
        if (kind, name, line) not in seen:
            seen.add((kind, name, line))
            yield Finding(kind, name, line, cell, line_of(source, line), scope)

    for node, scope, inner in nodes:
        if loop := LOOP_STATEMENTS.get(type(node)):
            yield from found("loop", loop, node, scope)
        if isinstance(node, ast.Name) and node.id in scope.split(".") and isinstance(node.ctx, ast.Load):
            yield from found("loop", "recursion", node, scope)
        for name in _said(node, names, inner):
            if name not in kinds:
                kinds[name] = [
                    kind for kind, patterns in groups if matcher(tuple(patterns)).match(without_builtins(name))
                ]
            for kind in kinds[name]:
                yield from found(kind, name.removeprefix("builtins.").removeprefix("?."), node, scope)


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
