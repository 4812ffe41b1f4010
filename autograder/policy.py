"""What submitted source may say: reads it with ``ast``, never executes it.

A reader of source can be fooled, so nothing here decides a grade by itself where a measurement can (`work`). It finds
names that an exercise forbids and that leave no trace in PyTorch's dispatcher (``scipy.signal``), things that no
solution needs and that attack a measurement, and the lines where a loop is written, which a student wants to see.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import fnmatch
import functools
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["loop", "call", "interpreter", "syntax"]

# Names that no solution needs and with which code could reach the measurement of its own work or what it must not see.
# Each covers everything under it; `*.name` is an attribute of whatever object.
INTERPRETER: dict[str, str] = {
    "ctypes": "writes anywhere in the process",
    "cffi": "writes anywhere in the process",
    "_ctypes": "the same by its private name",
    "sys.settrace": "replaces the function that counts opcodes",
    "sys.gettrace": "hands that function over",
    "sys.setprofile": "runs code at every call, uncounted",
    "sys.monitoring": "the newer way to both",
    "sys.addaudithook": "runs code at every event of the interpreter",
    "sys._getframe": "walks up to the caller's variables",
    "sys._current_frames": "walks up to every thread's variables",
    "sys.modules": "swaps modules that others have imported",
    "threading.settrace": "replaces the tracing function of new threads",
    "threading.settrace_all_threads": "the same for all threads",
    "threading.setprofile": "runs code at every call of new threads",
    "threading.setprofile_all_threads": "the same for all threads",
    "gc.get_objects": "finds every object of the process",
    "gc.get_referrers": "finds who holds an object",
    "gc.get_referents": "finds what an object holds",
    "inspect.currentframe": "walks up to the caller's variables",
    "inspect.stack": "walks up to the caller's variables",
    "inspect.trace": "walks up to the caller's variables",
    "torch._C": "reaches operators and the mode stack below the dispatcher's Python side",
    "torch.utils._python_dispatch": "pushes and pops the modes that count operators",
    "torch.library": "replaces what an operator does, and who notes it",
    "torch._library": "the same by its private name",
    "torch._ops": "calls an operator's kernels past the dispatcher",
    "*._op_dk": "the same",
    "*.redispatch": "the same",
    "torch.overrides": "intercepts what other code asks of PyTorch",
    "autograder.calls": "the harness's own code, which only the harness calls",
    "autograder.dialect": "the same",
    "autograder.grading": "the same",
    "autograder.jail": "the same",
    "autograder.report": "the same",
    "autograder.work": "the same",
    "*.f_back": "a frame's caller",
    "*.f_globals": "a frame's variables",
    "*.f_locals": "a frame's variables",
    "*.tb_frame": "the frame of a traceback",
    "*.gi_frame": "the frame of a generator",
    "*.__globals__": "the variables of another function's module",
    "*.__closure__": "the variables that another function closed over",
    "*.__code__": "another function's code",
    "*.__subclasses__": "every class of the process",
    "builtins.exec": "runs text that no reader has seen",
    "builtins.eval": "the same for an expression",
    "builtins.compile": "makes code out of text",
    "builtins.__import__": "imports without an import statement",
    "importlib.import_module": "imports without an import statement",
    "importlib.reload": "makes a module run again",
    "importlib.machinery": "imports without an import statement",
    "importlib.util": "the same",
    "pkgutil.resolve_name": "finds a module or what is in it by a text that no reader sees",
    "runpy": "runs a module under another name",
    "<computed>": "a name put together while the code runs, in builtins",
    "*.<computed>": "a name put together while the code runs, in a module that reaches into the interpreter",
}

# Modules in which no solution needs a name that it puts together while it runs.
_GUARDED = ("sys", "builtins", "gc", "inspect", "importlib", "pkgutil", "threading", "_thread", "types", "autograder")

# What does work where it is not counted. A notebook may use it, a function that is measured may not.
ELSEWHERE = (
    "threading",
    "_thread",
    "multiprocessing",
    "concurrent",
    "subprocess",
    "asyncio.to_thread",
    "os.fork",
    "os.forkpty",
    "os.popen",
    "os.posix_spawn",
    "os.posix_spawnp",
    "os.system",
    "*.submit",
)

# Calls that loop over an array's entries in Python or one entry at a time.
LOOPING = (
    "builtins.map",
    "builtins.filter",
    "functools.reduce",
    "itertools",
    "numpy.vectorize",
    "numpy.apply_along_axis",
    "numpy.apply_over_axes",
    "numpy.frompyfunc",
    "numpy.fromiter",
    "numpy.ndenumerate",
    "numpy.ndindex",
    "numpy.nditer",
    "*.apply_",
    "*.map_",
    "*.tolist",
)

_STATEMENTS: dict[type[ast.AST], str] = {
    ast.For: "for",
    ast.AsyncFor: "async for",
    ast.While: "while",
    ast.ListComp: "list comprehension",
    ast.SetComp: "set comprehension",
    ast.DictComp: "dict comprehension",
    ast.GeneratorExp: "generator expression",
}

MAX_CHARACTERS = 1_000_000
_PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python", "python3")
# `%magic`, `!shell`, `?help`, `names = !ls`, `help?`
_MAGIC = re.compile(r"^(\s*)(?:%{1,2}[a-zA-Z_]|[!?]|[\w, ]+=\s*(?:%[a-zA-Z_]|!(?!=))|[\w.]+\?{1,2}\s*$).*")
# A name can be bound to itself with one more attribute, over and over; what it means then is nobody's guess.
_MAX_MEANINGS = 32
_UNKNOWN = "?"
_BY_NAME = {"builtins.getattr", "builtins.setattr", "builtins.delattr"}


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
    """The loops, forbidden names and attacks on the measurement in the cells ``sources``, read as one program.

    ``forbid`` holds shell patterns for dotted names; each also covers what is under it, so ``scipy`` covers
    ``scipy.signal.convolve2d``. Imports under other names, plain re-assignments, ``getattr`` and ``import_module``
    with a literal are followed. A name that is bound more than once counts as each of the things it was bound to.
    Never raises, whatever the text; a cell that cannot be read is one finding of kind ``syntax`` and the others are
    read all the same.
    """
    findings: list[Finding] = []
    cells: list[tuple[int, str, tuple[_Node, ...]]] = []
    for index, source in enumerate(sources):
        nodes = _parse(source)
        if isinstance(nodes[0], _Node):
            cells.append((index, source, nodes))
        else:
            line, problem = nodes
            findings.append(Finding("syntax", problem, line, index, _line(source, line)))
    names = _Names()
    for _, _, nodes in cells:
        names.learn(node.node for node in nodes)
    names.settle()
    for index, source, nodes in cells:
        try:
            findings += _read(nodes, names, index, source, forbid)
        except (RecursionError, MemoryError):
            findings.append(Finding("syntax", "nested too deeply to read", 1, index, _line(source, 1)))
    return sorted(findings, key=lambda found: (found.cell, found.line, found.kind, found.name))


def covers(pattern: str, name: str) -> bool:
    """Whether ``pattern`` means the dotted ``name`` or something that it is under."""
    return _matcher((pattern,)).match(_bare(name)) is not None


@functools.lru_cache(maxsize=64)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the names that one of ``patterns`` means; an empty tuple matches none."""
    parts = [fnmatch.translate(form) for p in map(_bare, patterns) for form in (p, f"{p}.*")]
    return re.compile("|".join(parts) or r"(?!)")


def _bare(name: str) -> str:
    return name.removeprefix("builtins.")


def covers_any(patterns: Iterable[str], name: str) -> bool:
    """Whether one of ``patterns`` covers the dotted ``name``."""
    return any(covers(pattern, name) for pattern in patterns)


def python_of(source: str) -> str:
    """``source`` with magics and shell lines replaced and each line where it was; empty for another language."""
    lines = source.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is not None and (cell_magic := re.match(r"\s*%%(\w+)", lines[first])):
        if cell_magic[1] not in _PYTHON_MAGICS:
            return ""
        lines[first] = ""
    return "\n".join(_MAGIC.sub(r"\1pass", line) for line in lines)


class _Node(NamedTuple):
    """A node of a cell, the function around it, and whether it is the inner part of a dotted name."""

    node: ast.AST
    scope: str
    inner: bool


@functools.lru_cache(maxsize=256)  # a notebook is read once for each of its exercises
def _parse(source: str) -> tuple[_Node, ...] | tuple[int, str]:
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


def _line(source: str, number: int) -> str:
    lines = source.splitlines()
    return lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""


# --- names ---------------------------------------------------------------------------------------------------------


@dataclass
class _Names:
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
                            self.stars.add(module or _UNKNOWN)
                        else:
                            self.meanings[alias.asname or alias.name].add(f"{module or _UNKNOWN}.{alias.name}")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self.meanings[name].add(_UNKNOWN)
                case ast.arg(arg=name):
                    self.meanings[name].add(_UNKNOWN)
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
                return {f"{module}.{name}" for module in self.stars} or {_UNKNOWN}
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
            case ast.Call(func=function, args=[value, _, *_]) if self.of(function) & _BY_NAME:
                return {f"{base}.<computed>" for base in self.of(value) if covers_any(_GUARDED, base)} or {_UNKNOWN}
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
                return set(self._entry(value, name))
            case ast.Subscript(value=value, slice=key) if not isinstance(key, ast.Constant):
                found = set(self._entry(value, "<computed>"))
                return {each for each in found if covers_any(_GUARDED, each)} or {_UNKNOWN}
        return {_UNKNOWN}

    def _entry(self, mapping: ast.expr, name: str) -> Iterator[str]:
        for base in self.of(mapping):
            if base == "sys.modules":
                yield name
            elif base.endswith(".__dict__"):
                yield _under(base.removesuffix(".__dict__"), name)
            else:
                yield _UNKNOWN
        if isinstance(mapping, ast.Call) and mapping.args and "builtins.vars" in self.of(mapping.func):
            for base in self.of(mapping.args[0]):
                yield _under(base, name)


def _under(base: str, name: str) -> str:
    return f"{_UNKNOWN}.{name}" if base.startswith(_UNKNOWN) else f"{base}.{name}"


# --- findings ------------------------------------------------------------------------------------------------------


def _read(nodes: Iterable[_Node], names: _Names, cell: int, source: str, forbid: Sequence[str]) -> Iterator[Finding]:
    seen: set[tuple[str, str, int]] = set()
    groups: tuple[tuple[Kind, Iterable[str]], ...] = (("call", forbid), ("interpreter", INTERPRETER), ("loop", LOOPING))
    elsewhere: dict[str, bool] = {}
    kinds: dict[str, list[Kind]] = {}

    def found(kind: Kind, name: str, node: ast.AST, scope: str) -> Iterator[Finding]:
        line = getattr(node, "lineno", 1)
        if (kind, name, line) not in seen:
            seen.add((kind, name, line))
            yield Finding(kind, name, line, cell, _line(source, line), scope)

    for node, scope, inner in nodes:
        if loop := _STATEMENTS.get(type(node)):
            yield from found("loop", loop, node, scope)
        if isinstance(node, ast.Name) and node.id in scope.split(".") and isinstance(node.ctx, ast.Load):
            yield from found("loop", "recursion", node, scope)
        for name in _said(node, names, inner):
            if name not in kinds:
                kinds[name] = [kind for kind, patterns in groups if _matcher(tuple(patterns)).match(_bare(name))]
                elsewhere[name] = bool(_matcher(ELSEWHERE).match(_bare(name)))
            if scope and elsewhere[name]:
                yield from found("interpreter", name.removeprefix("?."), node, scope)
            for kind in kinds[name]:
                yield from found(kind, name.removeprefix("builtins.").removeprefix("?."), node, scope)


def _said(node: ast.AST, names: _Names, inner: bool) -> Iterable[str]:
    """The dotted names that one node mentions; nothing for the inner part of a longer name, which says it all."""
    match node:
        case ast.Import(names=aliases):
            return [alias.name for alias in aliases]
        case ast.ImportFrom(module=module, names=aliases):
            return [f"{module or _UNKNOWN}.{alias.name}" for alias in aliases]
        case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()) if not inner:
            return sorted(names.of(node))
        case ast.Call() | ast.Subscript():
            return sorted(names.of(node))
    return ()


# The kinds of node that bind a name, say one or loop; the others are passed over once a cell has been parsed.
_TELLING = (
    ast.Module, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.Assign,
    ast.AnnAssign, ast.NamedExpr, ast.Name, ast.Attribute, ast.Call, ast.Subscript, *_STATEMENTS,
)  # fmt: skip


def _walk(tree: ast.Module) -> Iterator[_Node]:
    """Every node of a tree, the module first; no recursion."""
    pending = [_Node(tree, "", False)]
    while pending:
        node, scope, inner = pending.pop()
        yield _Node(node, scope, inner)
        within = scope
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            within = f"{scope}.{node.name}" if scope else node.name
        dotted = isinstance(node, ast.Attribute)
        pending += [_Node(child, within, dotted) for child in ast.iter_child_nodes(node)]
