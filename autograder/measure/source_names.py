"""Reads submitted source with ``ast`` and says which dotted names its expressions may stand for. Never executes it."""

import ast
import builtins
import contextlib
import fnmatch
import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from autograder.course.syntax import once_a_source, read_cell, syntax_tree

LOOP_STATEMENTS: dict[type[ast.AST], str] = {
    ast.For: "for",
    ast.AsyncFor: "async for",
    ast.While: "while",
    ast.ListComp: "list comprehension",
    ast.SetComp: "set comprehension",
    ast.DictComp: "dict comprehension",
    ast.GeneratorExp: "generator expression",
}


class Node(NamedTuple):
    """A node of a cell, the one that it is a part of, the function or class around it by its dotted name, and the names
    that are local to the functions around it.
    """

    node: ast.AST
    parent: ast.AST
    scope: str
    local: frozenset[str]


@once_a_source
def nodes_of(source: str) -> tuple[Node, ...]:
    """Every node of a source, the module first and a node before its children. Raises one of `UNREADABLE`."""
    tree = syntax_tree(source)
    found: list[Node] = []
    pending = [Node(tree, tree, "", frozenset())]
    while pending:
        found.append(each := pending.pop())
        node, scope, local = each.node, each.scope, each.local
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope = f"{scope}.{node.name}" if scope else node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            local |= _bound_in(node)
        pending += [Node(child, node, scope, local) for child in ast.iter_child_nodes(node)]
    return tuple(found)


def nodes_of_cell(source: str) -> tuple[Node, ...]:
    """The same of a cell, whose magics are passed over where it is no Python with them."""
    return read_cell(source, nodes_of)


def _bound_in(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    """The names that are a function's own: its parameters and what it assigns to."""
    given = function.args
    names = {
        each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg) if each
    }
    shared: set[str] = set()
    if not isinstance(function, ast.Lambda):
        for node in ast.walk(function):
            match node:
                case ast.Name(id=name, ctx=ast.Store()):
                    names.add(name)
                case ast.Global(names=outer) | ast.Nonlocal(names=outer):
                    shared |= set(outer)
    return frozenset(names - shared)


# A name can be bound to itself with one more attribute, over and over; what it means then is nobody's guess.
_MAX_MEANINGS = 32
UNKNOWN = "?"


@dataclass
class Names:
    """What each plain name was bound to anywhere in the sources, as dotted names."""

    meanings: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stars: set[str] = field(default_factory=set)
    assignments: list[tuple[ast.expr, ast.expr]] = field(default_factory=list)

    def learn(self, nodes: Iterable[Node]) -> None:
        """Add the bindings among the nodes of one cell."""
        for node, *_ in nodes:
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        top = alias.name.split(".")[0]
                        self.meanings[alias.asname or top].add(alias.name if alias.asname else top)
                case ast.ImportFrom(module=module, names=aliases):
                    for alias in aliases:
                        if alias.name == "*":
                            self.stars.add(module or UNKNOWN)
                        else:
                            self.meanings[alias.asname or alias.name].add(f"{module or UNKNOWN}.{alias.name}")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.meanings[name].add(UNKNOWN)
                case ast.arg(arg=name):
                    self.meanings[name].add(UNKNOWN)
                case ast.Assign(targets=targets, value=value):
                    self.assignments += [(target, value) for target in targets]
                case ast.AnnAssign(target=target, value=value) if value is not None:
                    self.assignments.append((target, value))
                case ast.NamedExpr(target=target, value=value):
                    self.assignments.append((target, value))

    def settle(self) -> None:
        """Follow the assignments in whatever order they stand: ``g = F.conv2d`` may precede ``F = nn.functional``."""
        for _ in range(3):
            for target, value in self.assignments:
                with contextlib.suppress(RecursionError):  # said of the cell when it is read
                    self._bind(target, value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            meanings = self.meanings[target.id]
            meanings |= set(sorted(self.of(value))[: max(0, _MAX_MEANINGS - len(meanings))])
        elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for part, its in zip(target.elts, value.elts, strict=False):
                self._bind(part, its)

    def of(self, node: ast.expr) -> set[str]:
        """The dotted names that an expression may stand for; an unknown object is ``?``."""
        match node:
            case ast.Name(id=name):
                if name in self.meanings:
                    return set(self.meanings[name])
                if hasattr(builtins, name):
                    return {f"builtins.{name}"}
                return {f"{module}.{name}" for module in self.stars} or {UNKNOWN}
            case ast.Attribute(value=value, attr=name):
                return {_under(base, name) for base in self.of(value)}
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if self.of(function) & {
                "builtins.__import__",
                "importlib.import_module",
            }:
                return {module}
            case ast.Call(func=function, args=[value, ast.Constant(value=str(name)), *_]) if (
                "builtins.getattr" in self.of(function)
            ):
                return {_under(base, name) for base in self.of(value)}
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
                return set(self._entry(value, name))
        return {UNKNOWN}

    def _entry(self, mapping: ast.expr, name: str) -> Iterator[str]:
        for base in self.of(mapping):
            if base == "sys.modules":
                yield name
            elif base.endswith(".__dict__"):
                yield _under(base.removesuffix(".__dict__"), name)
            else:
                yield UNKNOWN
        if isinstance(mapping, ast.Call) and mapping.args and "builtins.vars" in self.of(mapping.func):
            for base in self.of(mapping.args[0]):
                yield _under(base, name)


def _under(base: str, name: str) -> str:
    return f"{UNKNOWN}.{name}" if base.startswith(UNKNOWN) else f"{base}.{name}"


def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the names that one of ``patterns`` means, and what is under them; an empty tuple matches none."""
    return one_of(tuple(form for p in map(without_builtins, patterns) for form in (p, f"{p}.*")))


@functools.lru_cache(maxsize=64)
def one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches what fits one of the shell patterns."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")


def without_builtins(name: str) -> str:
    return name.removeprefix("builtins.")
