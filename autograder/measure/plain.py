"""Says whether code is plain, and of what is not, where it stands and why.

The work of a call is counted in the process that does it, so the count is trusted for plain code alone: code whose
imports, names, attributes and constructs stand on the lists of `measure.plain_names`, none of which reaches the
interpreter or does work that is not counted. Code that is not plain may be quite right. It is refused nothing; its time
is measured from outside as well, and its report names the lines for the instructor.

What runs is what the reader reads: magics and shell lines are translated by IPython's own translator.
"""

import ast
import builtins
import re
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy
import torch

from autograder.course.syntax import MAX_CHARACTERS, TooLong, line_of
from autograder.measure import plain_names
from autograder.measure.source_names import UNKNOWN, Names, Node, Scope, nodes_of, one_of


@dataclass(frozen=True)
class Unusual:
    """One thing that is not plain: the line ``line`` (from 1) of the source number ``cell`` (from 0), and why."""

    cell: int
    line: int
    text: str
    why: str


@dataclass(frozen=True)
class _Cell:
    index: int
    source: str
    nodes: tuple[Node, ...]
    translated: bool


def unusual(sources: Sequence[str], trusted: Sequence[str] = ()) -> list[Unusual]:
    """What is not plain in the cells ``sources``, in their order, at most one thing a line.

    The cells ``trusted``, which are the author's, are read for what they define and not judged. Never raises, whatever
    the text.
    """
    found: list[Unusual] = []
    cells: list[_Cell] = []
    for index, source in enumerate(sources):
        nodes, translated, why = _read(source)
        if nodes:
            cells.append(_Cell(index, source, nodes, translated))
        elif why:
            found.append(Unusual(index, 1, line_of(source, 1), why))
    try:
        reader = _Reader([*(_read(source)[0] for source in trusted), *(cell.nodes for cell in cells)])
    except (RecursionError, MemoryError):
        return [Unusual(0, 1, "", "is nested too deeply to be read")]
    for cell in cells:
        try:
            judged = [*reader.judge(cell.nodes)]
        except (RecursionError, MemoryError):
            judged = [(1, "is nested too deeply to be read")]
        for line, why in judged:
            if cell.translated:  # into lines that may be fewer, or more
                line = min(line, len(cell.source.splitlines()))
            found.append(Unusual(cell.index, line, line_of(cell.source, line), why))
    first: dict[tuple[int, int], Unusual] = {}
    for each in sorted(found, key=lambda one: (one.cell, one.line)):
        first.setdefault((each.cell, each.line), each)
    return list(first.values())


# --- reading ------------------------------------------------------------------------------------------------------


_RUN_BY_MAGIC = re.compile(r"\s*%%(?:time|timeit|capture)\b.*")


def _read(source: str) -> tuple[tuple[Node, ...], bool, str]:
    """The nodes of a cell, whether IPython translated it, and why it cannot be read although it may run."""
    try:
        return nodes_of(source), False, ""
    except TooLong:
        return (), False, f"is longer than the {MAX_CHARACTERS:,} characters that are read"
    except (RecursionError, MemoryError):
        return (), False, "is nested too deeply to be read"
    except (SyntaxError, ValueError):
        pass
    if _RUN_BY_MAGIC.match(source):
        source = _RUN_BY_MAGIC.sub("", source, count=1)
    from IPython.core.inputtransformer2 import TransformerManager  # half a second; few notebooks need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            translation = TransformerManager().transform_cell(source)
        return nodes_of(translation), True, ""
    except (SyntaxError, ValueError):
        # Nothing that does not parse runs, but for single lines, which IPython may take for a magic without its sign.
        lines = [line for line in source.splitlines() if line.strip()]
        return (), True, "may be a command of IPython's" if len(lines) == 1 else ""
    except Exception:  # IPython's translator is not made for hostile text
        return (), True, "cannot be read"


def _magic(call: ast.Call) -> tuple[str, list[str]] | None:
    """The method of IPython's shell that a translated magic or shell line calls, and what it is given."""
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=method) if all(
            isinstance(given, ast.Constant) and isinstance(given.value, str) for given in call.args
        ):
            return method, [given.value for given in call.args]
    return None


def _covers(patterns: tuple[str, ...], name: str) -> bool:
    return one_of(patterns).match(name) is not None


def _is_module(name: str) -> bool:
    return name in plain_names.MODULES or name in plain_names.TREES


def _in_a_tree(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:n]) in plain_names.TREES for n in range(1, len(parts) + 1))


class _Reader:
    """Judges the cells of one notebook, which it reads as one program."""

    def __init__(self, cells: Sequence[Sequence[Node]]) -> None:
        self._names = Names()
        self._classes: set[str] = set()
        self._own: set[str] = set()
        for nodes in cells:
            self._names.learn(nodes)
            self._learn(nodes)
        self._names.settle()
        self._own -= plain_names.NEVER

    def _learn(self, nodes: Sequence[Node]) -> None:
        """Note the attributes and classes that the notebook itself defines."""
        for node, *_ in nodes:
            match node:
                case ast.ClassDef(name=name, body=body):
                    self._classes.add(name)
                    for part in body:
                        match part:
                            case ast.FunctionDef(name=method):
                                self._own.add(method)
                            case ast.AnnAssign(target=ast.Name(id=field)):
                                self._own.add(field)
                            case ast.Assign(targets=targets):
                                self._own |= {each.id for each in targets if isinstance(each, ast.Name)}
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    self._own.add(name)
                case ast.Call(args=args, keywords=keywords):
                    self._own |= {each.arg for each in keywords if each.arg}
                    for given in args:  # namedtuple("Pair", "rows columns"), or a list of such names
                        match given:
                            case ast.Constant(value=str(text)):
                                self._own |= {word for word in text.replace(",", " ").split() if word.isidentifier()}
                            case ast.List(elts=items) | ast.Tuple(elts=items):
                                self._own |= {
                                    i.value for i in items if isinstance(i, ast.Constant) and type(i.value) is str
                                }

    def judge(self, nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
        """The lines of a cell that are not plain, and why."""
        of_magic: set[ast.AST] = set()  # a translated magic is judged as one, not by the words of its translation
        for node, parent, _, scope in nodes:
            if parent in of_magic:
                of_magic.add(node)
            elif isinstance(node, ast.Call) and (magic := _magic(node)):
                of_magic.add(node)
                yield from ((node.lineno, problem) for problem in self._magic(*magic))
            else:
                for problem in self._node(node, parent, scope):
                    yield getattr(node, "lineno", 1), problem

    def _node(self, node: ast.AST, parent: ast.AST, scope: Scope | None) -> Iterator[str]:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    if not (_is_module(alias.name) or _in_a_tree(alias.name) or alias.name in plain_names.PACKAGES):
                        yield f"imports {alias.name}"
            case ast.ImportFrom(module=module, names=aliases, level=level):
                for alias in aliases:
                    name = f"{module}.{alias.name}"
                    if level or not module:
                        yield "imports from beside the notebook"
                    elif alias.name == "*":
                        if not (_is_module(module) or _in_a_tree(module)):
                            yield f"imports all of {module}"
                    elif not _is_module(name) and (problem := self._dotted(name)):
                        yield problem
            case ast.Attribute():
                yield from self._name(node, parent) if isinstance(node.ctx, ast.Load) else self._set(node)
            case ast.Name(id=name, ctx=ast.Load()):
                if name in vars(builtins) and name in self._names.meanings and not (scope and scope.binds(name)):
                    # Somewhere else it means something else; here it may be the built-in one.
                    yield from filter(None, [self._dotted(f"builtins.{name}")])
                yield from self._name(node, parent)
            case ast.Name(id=name) if _dunder(name):
                yield f"sets {name}"
            case ast.Call():
                yield from self._call(node)
            case ast.ClassDef():
                yield from self._class(node)
            case ast.FunctionDef(name=name) if _dunder(name) and name not in plain_names.METHODS:
                yield f"defines {name}"
            case ast.Subscript(value=value) if any(
                each.endswith(("__dict__", "__builtins__")) for each in self._names.of(value)
            ):
                yield "looks a name up while it runs"
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield "runs asynchronously"
            case ast.Constant(value="object" | "O" | "|O"):
                if isinstance(parent, ast.Call | ast.keyword):
                    yield "makes an array of Python objects, whose sums no counter sees"

    # --- names ---

    def _name(self, node: ast.Name | ast.Attribute, parent: ast.AST) -> Iterator[str]:
        """Judge a name or an attribute that is read."""
        if isinstance(node, ast.Name) and (node.id == "get_ipython" or (_dunder(node.id) and node.id != "__name__")):
            yield f"uses {node.id}"
            return
        called = isinstance(parent, ast.Call) and parent.func is node
        for name in sorted(self._names.of(node)):
            if name == "builtins.object" and not called and isinstance(parent, ast.Call | ast.keyword):
                yield "makes an array of Python objects, whose sums no counter sees"
                return
            if name in _CALLED_ONLY and not called:
                yield f"hands {name.removeprefix('builtins.')} on as a value"
                return
            if problem := self._dotted(name):
                yield problem
                return
            if _is_module(name) and not isinstance(parent, ast.Attribute | ast.Assign | ast.NamedExpr):
                yield f"hands the module {name} on as a value"
                return

    def _dotted(self, name: str) -> str:
        """Why a dotted name is not plain; empty when it is."""
        if name == UNKNOWN:
            return ""
        root, _, rest = name.partition(".")
        if root == UNKNOWN:
            return self._attribute(rest)
        if root == "builtins":
            first, _, more = rest.partition(".")
            if _covers(plain_names.UNCOUNTED, f"builtins.{first}"):
                return f"uses {first}, whose work no counter sees"
            if first not in plain_names.BUILTINS and f"builtins.{first}" not in _CALLED_ONLY:
                return f"uses {first}"
            return self._attribute(more.rpartition(".")[2]) if more else ""
        if name in plain_names.PACKAGES or _is_module(name):
            return ""
        parts = name.split(".")
        if _in_a_tree(name):
            odd = [each for each in parts[1:] if each.startswith("_") or each in plain_names.NEVER]
            return f"uses {name}" if odd or _covers(plain_names.NOT_OF_MODULES, name) else ""
        if ".".join(parts[:2]) in plain_names.NAMES:
            return next((problem for each in parts[2:] if (problem := self._attribute(each))), "")
        # As much of it as is a module, then a public name of that, then attributes of what that is.
        most = max((n for n in range(1, len(parts)) if _is_module(".".join(parts[:n]))), default=0)
        if not most:
            return f"uses {name}"
        module, first, further = ".".join(parts[:most]), parts[most], parts[most + 1 :]
        whole = f"{module}.{first}"
        if _covers(plain_names.UNCOUNTED, whole) and not _covers(plain_names.COUNTED_OF_LIB, whole):
            return f"uses {whole}, whose work no counter sees"
        known = sys.modules.get(module)
        if (
            first.startswith("_")
            or _covers(plain_names.NOT_OF_MODULES, whole)
            or (first in sys.stdlib_module_names and isinstance(getattr(known, first, types), types.ModuleType))
            or isinstance(getattr(known, first, None), types.ModuleType)
        ):
            return f"uses {whole}"
        return next((problem for each in further if (problem := self._attribute(each))), "")

    def _attribute(self, name: str) -> str:
        """Why an attribute of whatever object is not plain; empty when it is."""
        if name in self._own or name in plain_names.ATTRIBUTES:
            return ""
        if _covers(plain_names.UNCOUNTED, f"*.{name}"):
            return f"uses .{name}, after which no counter sees the work"
        return f"uses .{name}"

    def _set(self, node: ast.Attribute) -> Iterator[str]:
        """Judge an attribute that is set or deleted."""
        if _dunder(node.attr) or node.attr in plain_names.NEVER:
            yield f"sets .{node.attr}"
        elif any(each.split(".")[0] != UNKNOWN for each in self._names.of(node.value)):
            yield f"changes {ast.unparse(node)} for all code that runs later"
        elif (
            node.attr in _OF_ARRAYS
            and node.attr not in plain_names.SETTABLE
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        ):
            yield f"sets .{node.attr}, which arrays have"

    # --- calls, classes, magics ---

    def _call(self, node: ast.Call) -> Iterator[str]:
        function = self._names.of(node.func)
        if function & {"builtins.getattr", "builtins.hasattr"}:
            match node.args:
                case [_, ast.Constant(value=str(name)), *_]:
                    if problem := self._attribute(name):
                        # Of a module that is known it is one of its names, which the call itself stands for.
                        known = [each for each in self._names.of(node) if not each.startswith(UNKNOWN)]
                        problems = [self._dotted(each) for each in known]
                        if not known or any(problems):
                            yield next(filter(None, problems), problem)
                case _:
                    yield "uses a name that is put together while it runs"
        elif "builtins.type" in function and len(node.args) != 1:
            yield "makes a class while it runs"

    def _class(self, node: ast.ClassDef) -> Iterator[str]:
        for base in node.bases:
            base = base.value if isinstance(base, ast.Subscript) else base
            if isinstance(base, ast.Name) and base.id in self._classes:
                continue
            for name in self._names.of(base):
                if not _covers(plain_names.BASES, name):
                    yield f"is a subclass of {ast.unparse(base)}"
        for keyword in node.keywords:
            if "abc.ABCMeta" not in self._names.of(keyword.value):
                yield f"is made with {keyword.arg or '**'}"

    def _magic(self, method: str, given: list[str]) -> Iterator[str]:
        match method, given:
            case ("run_line_magic", [name, text]) if name in plain_names.LINE_MAGICS:
                yield from self._text(text) if name in ("time", "timeit") else ()
            case ("run_cell_magic", [name, *_]) if name in plain_names.CELL_MAGICS:
                return
            case (("run_line_magic" | "run_cell_magic"), [name, *_]):
                yield f"runs the magic %{name}"
            case (("system" | "getoutput"), _):
                yield "runs another program"
            case _:
                yield f"uses IPython's {method}"

    def _text(self, text: str) -> Iterator[str]:
        """Judge the code that a magic runs. Its own options come first: ``%timeit -n 10 f(x)``."""
        nodes, _, why = _read(re.sub(r"^(?:-[a-zA-Z]\s*\d*\s+)+", "", text.strip()))
        if nodes:
            yield from (problem for _, problem in self.judge(nodes))
        elif why:
            yield why


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


# Built-ins that do what a solution wants when they are called with a name that stands there.
_CALLED_ONLY = ("builtins.getattr", "builtins.hasattr", "builtins.type")
_OF_ARRAYS = frozenset({*dir(torch.Tensor), *dir(numpy.ndarray)})
