"""Which lines of a notebook have a part in one function: its own, and those of all that they name."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from autograder.course.syntax import UNREADABLE, once_a_source, read_cell, syntax_tree
from autograder.measure.source_names import nodes_of_cell

_Part = tuple[int, int, int, frozenset[str]]  # cell, first and last line, the names that it reads


def reached_lines(sources: Sequence[str], name: str) -> set[tuple[int, int]] | None:
    """The (cell, line) pairs of the statements that the function ``name`` is made of, and that these name in turn.

    A statement at the top of a cell is reached when it defines, or otherwise mentions as one that it changes, a name
    that a reached one reads. None where no readable cell defines ``name``: then every line may have a part in it.
    """
    parts: dict[str, list[_Part]] = defaultdict(list)
    for index, source in enumerate(sources):
        for bound, first, last, reads in _statements(source):
            for each in bound:
                parts[each].append((index, first, last, reads))
    if name not in parts:
        return None
    pending, seen, lines = [name], set(), set()
    while pending:
        if (wanted := pending.pop()) in seen:
            continue
        seen.add(wanted)
        for index, first, last, reads in parts[wanted]:
            lines |= {(index, line) for line in range(first, last + 1)}
            pending += reads - seen
    return lines


@once_a_source
def _statements(source: str) -> tuple[tuple[frozenset[str], int, int, frozenset[str]], ...]:
    """Of each statement at the top of a cell what it changes, its first and last line, and the names that it reads."""
    try:
        body = read_cell(source, syntax_tree).body
        nodes_and_scopes = nodes_of_cell(source)
    except UNREADABLE:
        return ()
    of_comprehensions = {name for each in nodes_and_scopes for name in _variables(each.node)}
    named = [
        (node.lineno, node.id)
        for node, _, _, scope in nodes_and_scopes
        if isinstance(node, ast.Name) and node not in of_comprehensions and not (scope and scope.binds(node.id))
    ]
    found = []
    for statement in body:
        nodes = list(ast.walk(statement))
        first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
        last = statement.end_lineno or statement.lineno
        reads = frozenset(name for line, name in named if first <= line <= last)
        changed = frozenset(_changes(statement, nodes))
        found.append((changed, first, last, reads))
    return tuple(found)


def _variables(node: ast.AST) -> Iterator[ast.Name]:
    """Where a comprehension names its own variables. Its first iterable is evaluated outside."""
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return
    targets = [each.target for each in node.generators]
    own = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    inside = [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.comprehension)]
    inside += targets + [test for each in node.generators for test in each.ifs]
    inside += [each.iter for each in node.generators[1:]]
    for part in inside:
        yield from (each for each in ast.walk(part) if isinstance(each, ast.Name) and each.id in own)


def _changes(node: ast.stmt, nodes: Sequence[ast.AST]) -> set[str]:
    """The names that a statement binds, or whose objects it may change: ``tools["c"] = f``, ``tools.append(f)``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inside = {name for each in nodes if isinstance(each, ast.Global) for name in each.names}
        return {node.name} | inside
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    names: set[str] = set()
    for each in nodes:
        match each:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
            case (
                ast.Attribute(value=ast.Name(id=name), ctx=ast.Store())
                | ast.Subscript(value=ast.Name(id=name), ctx=ast.Store())
            ):
                names.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if isinstance(node, ast.Expr):
                names.add(name)
    return names
