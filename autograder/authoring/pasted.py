"""What the course's own pages define, handed in as solutions: an exercise should ask for more than a chapter shows.

Each function and class of a page is tried for each exercise whose arguments it can take, in its page's company: with
the page's imports, its other definitions and its constants. What draws, or needs a library that students do not have,
solves nothing and is left out.
"""

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.course.assignment import Assignment, reference_sources

PAGES = "book"  # the folder of a course's pages, where it has them
_FENCE = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)
# What solutions are made of.
_LIBRARIES = {"torch", "numpy", "math", "itertools", "functools", "collections", "dataclasses", "typing"}
_OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?::[^\n]*\n)+)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Pasted:
    """A page's code that solves some exercises with definitions of the page: by exercise, the name of each."""

    page: str
    source: str
    solves: tuple[tuple[str, str], ...]


def pasted(assignment: Assignment) -> Iterator[Pasted]:
    """What there is to try: each page as often as the exercise with most definitions that fit it needs."""
    reference = reference_sources(assignment)
    wanted = {name: _called_with(reference[name], name) for name in assignment.exercises}
    for path in sorted((assignment.root / PAGES).rglob("*")):
        if path.suffix in (".md", ".ipynb"):
            kept, defined = _definitions(_cells(path))
            fitting = {
                name: [each for each, takes in defined.items() if takes is not None and takes[0] <= count <= takes[1]]
                for name, count in wanted.items()
                if count is not None
            }
            page = path.relative_to(assignment.root / PAGES).as_posix()
            for column in itertools.zip_longest(*fitting.values()):
                solves = tuple((name, each) for name, each in zip(fitting, column, strict=True) if each is not None)
                lines = "".join(f"{name} = {each}\n" for name, each in solves if name != each)
                yield Pasted(page, f"{kept}\n{lines}", solves)


def _cells(path: Path) -> list[str]:
    """The code cells of a page, in their order."""
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        return [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [_OPTIONS.sub("", body) for _, body in _FENCE.findall(path.read_text(encoding="utf-8"))]


def _definitions(cells: Sequence[str]) -> tuple[str, dict[str, tuple[int, float] | None]]:
    """What the cells import and define, as one source; and each definition's least and greatest number of arguments."""
    kept: list[str] = []
    defined: dict[str, ast.FunctionDef | ast.ClassDef] = {}
    lacking: set[str] = set()
    for cell in cells:
        try:
            body = ast.parse(cell).body
        except SyntaxError:  # a magic
            continue
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    of = alias.name if isinstance(node, ast.Import) else node.module or ""
                    if of.partition(".")[0] not in _LIBRARIES:
                        lacking.add(alias.asname or alias.name.partition(".")[0])
                kept.append(f"try:\n    {ast.unparse(node)}\nexcept ImportError:\n    pass")
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                kept.append(ast.unparse(node))
                defined[node.name] = node
            elif isinstance(node, ast.Assign) and _is_constant(node.value):
                kept.append(ast.unparse(node))
    uses = {name: {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} for name, node in defined.items()}
    for _ in defined:  # what uses what is left out is left out as well
        lacking |= {name for name, used in uses.items() if used & lacking}
    return "\n".join(kept), {name: _takes(node) for name, node in defined.items() if name not in lacking}


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _takes(node: ast.FunctionDef | ast.ClassDef) -> tuple[int, float] | None:
    """How many positional arguments a call needs and may have; None where it cannot be called with these alone."""
    if isinstance(node, ast.ClassDef):
        made = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        found = _takes(made) if made is not None else (1, 1)
        return found and (found[0] - 1, found[1] - 1)
    arguments = node.args
    if any(default is None for default in arguments.kw_defaults):
        return None
    most = len(arguments.posonlyargs) + len(arguments.args)
    return most - len(arguments.defaults), float("inf") if arguments.vararg else most


def _called_with(source: str, name: str) -> int | None:
    """How many arguments without a default the author's solution of an exercise has."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            takes = _takes(node)
            return takes[0] if takes else None
    return None
