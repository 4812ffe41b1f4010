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


@dataclass(eq=False)
class Scope:
    """A function, a class or the targets of a comprehension: the names that it binds, and the scope around it."""

    outer: "Scope | None"
    is_function: bool
    own: set[str] = field(default_factory=set)
    of_module: set[str] = field(default_factory=set)  # those that it says are `global`
    of_outer: set[str] = field(default_factory=set)  # those that it says are `nonlocal`

    def binds(self, name: str) -> bool:
        """Whether ``name`` is certainly a variable of this function or of one around it, as Python looks names up."""
        if name in self.of_module or (name in self.own and not self.is_function):
            return False  # a name of a class is looked for among the module's and the built-in ones as well
        if name in self.own and name not in self.of_outer:
            return True
        return self.outer is not None and self.outer.binds(name)


class Node(NamedTuple):
    """A node of a cell, the one that it is a part of, the dotted name of the function or class around it, and the scope
    that its names are looked up in; None at the top of the cell.
    """

    node: ast.AST
    parent: ast.AST
    around: str
    scope: Scope | None


@once_a_source
def nodes_of(source: str) -> tuple[Node, ...]:
    """The nodes of a source, the module first and a node before its children. Raises one of `UNREADABLE`.

    Those that say nothing by themselves are left out: contexts, operators, ``pass``.
    """
    tree = syntax_tree(source)
    found: list[Node] = []
    pending = [Node(tree, tree, "", None)]
    while pending:
        found.append(each := pending.pop())
        node, _, around, scope = each
        if scope is not None:
            _note(node, scope)
        inside, inner = _opened(node, scope)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            around = f"{around}.{node.name}" if around else node.name
        for name in node._fields:
            part = getattr(node, name, None)
            its = inner if name == inside else scope
            for child in part if isinstance(part, list) else (part,):
                if isinstance(child, ast.AST) and child._fields:
                    pending.append(Node(child, node, around, its))
    return tuple(found)


def _opened(node: ast.AST, scope: Scope | None) -> tuple[str, Scope | None]:
    """The field of a node that is in a scope of its own, and that scope. Defaults and decorators are in none."""
    match node:
        case ast.FunctionDef(args=given) | ast.AsyncFunctionDef(args=given) | ast.Lambda(args=given):
            all_of_them = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
            return "body", Scope(scope, True, {each.arg for each in all_of_them if each})
        case ast.ClassDef():
            return "body", Scope(scope, False)
        case ast.comprehension():
            return "target", Scope(scope, False)
    return "", None


def _note(node: ast.AST, scope: Scope) -> None:
    """Note in a scope what a node binds there. What else binds a name, as an import, is left out: it is judged."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            scope.own.add(name)
        case ast.Global(names=names):
            scope.of_module.update(names)
        case ast.Nonlocal(names=names):
            scope.of_outer.update(names)


def nodes_of_cell(source: str) -> tuple[Node, ...]:
    """The same of a cell, whose magics are passed over where it is no Python with them."""
    return read_cell(source, nodes_of)


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
