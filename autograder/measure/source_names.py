"""Reads submitted source with ``ast`` and says which dotted names its expressions may stand for. Never executes it."""

import ast
import builtins
import contextlib
import fnmatch
import functools
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_CHARACTERS = 1_000_000
_PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3")
# `%magic`, `!shell`, `?help`, `names = !ls`, `help?`
_MAGIC = re.compile(r"^(\s*)(?:%{1,2}[a-zA-Z_]|[!?]|[\w, ]+=\s*(?:%[a-zA-Z_]|!(?!=))|[\w.]+\?{1,2}\s*$).*")
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
    """A node of a cell, the function around it, and whether it is the inner part of a dotted name."""

    node: ast.AST
    scope: str
    inner: bool


@functools.lru_cache(maxsize=256)  # a notebook is read once for each of its exercises
def parse_cell(source: str) -> tuple[Node, ...] | tuple[int, str]:
    """The nodes of a cell that say something, the module first; or the line and the problem that keeps it unread."""
    if len(source) > MAX_CHARACTERS:
        return 1, f"longer than {MAX_CHARACTERS:,} characters"
    problem: tuple[int, str] = (1, "cannot be read")
    for text in (source, python_of(source)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a student's invalid escape is no business of our stderr
                tree = ast.parse(text)
            return tuple(node for node in _walk(tree) if isinstance(node.node, _TELLING))
        except SyntaxError as error:
            problem = (error.lineno or 1, f"syntax error: {error.msg}")
        except (RecursionError, MemoryError):
            problem = (1, "nested too deeply to read")
        except ValueError as error:
            problem = (1, f"no text that Python reads: {error}")
    return problem


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
    lines = source.splitlines()
    return lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""


# The kinds of node that bind a name, say one or loop; the others are passed over once a cell has been parsed.
_TELLING = (
    ast.Module, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.Assign,
    ast.AnnAssign, ast.NamedExpr, ast.Name, ast.Attribute, ast.Call, ast.Subscript, *LOOP_STATEMENTS,
)  # fmt: skip


def _walk(tree: ast.Module) -> Iterator[Node]:
    """Every node of a tree, the module first; no recursion."""
    pending = [Node(tree, "", False)]
    while pending:
        node, scope, inner = pending.pop()
        yield Node(node, scope, inner)
        within = scope
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            within = f"{scope}.{node.name}" if scope else node.name
        dotted = isinstance(node, ast.Attribute)
        pending += [Node(child, within, dotted) for child in ast.iter_child_nodes(node)]


# A name can be bound to itself with one more attribute, over and over; what it means then is nobody's guess.
_MAX_MEANINGS = 32
UNKNOWN = "?"


@dataclass
class Names:
    """What each plain name was bound to anywhere in the sources, as dotted names."""

    meanings: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stars: set[str] = field(default_factory=set)
    assignments: list[tuple[ast.expr, ast.expr]] = field(default_factory=list)

    def learn(self, nodes: Iterable[ast.AST]) -> None:
        """Add the bindings among the nodes of one cell."""
        for node in nodes:
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


@functools.lru_cache(maxsize=64)
def matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the names that one of ``patterns`` means; an empty tuple matches none."""
    parts = [fnmatch.translate(form) for p in map(without_builtins, patterns) for form in (p, f"{p}.*")]
    return re.compile("|".join(parts) or r"(?!)")


def without_builtins(name: str) -> str:
    return name.removeprefix("builtins.")
