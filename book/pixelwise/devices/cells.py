"""Runs the code cells of one page, in this process, and writes what they took and gave.

    python -P -m pixelwise.devices.cells PAGE.md OUT.json

OUT is written anew after every cell, so that a run which is stopped leaves what it has done. Statements run one after
the other, as in a notebook. What needs a library that is not installed is left out, named, and the rest goes on: it
is the import of a plotting or a widget library that a machine lacks most often. What a cell shows is not formatted.
"""

import ast
import builtins
import json
import linecache
import math
import os
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import pixelwise
from pixelwise import files, trained_once
from pixelwise.devices import pages

OURS = {"pixelwise", "autograder"}
LONGEST = 200  # characters of an outcome or of an error that are kept
SLOWEST = 3  # so many cells of a page are named with their seconds


@dataclass
class Outcome:
    """What a page's cells took and gave, as far as they have run. Times are in seconds, without those of trainings."""

    cells: int
    done: int = 0
    threads: int = field(default_factory=torch.get_num_threads)  # at the start; cells may set fewer
    starting: float = 0.0  # until the device has run its first operators; not counted below
    seconds: list[float] = field(default_factory=list)  # of each cell
    processor_seconds: float = 0.0
    outcomes: dict[str, Any] = field(default_factory=dict)  # what was glued, by name
    trainings: list[dict[str, Any]] = field(default_factory=list)  # of networks that are trained once
    not_run: list[dict[str, Any]] = field(default_factory=list)  # cells, and the library that each needs
    error: str | None = None


class Lacking(Exception):
    """A statement needs a library that is not installed; the library is the only argument."""


def run(sources: Sequence[str], after: Callable[[Outcome], None] = lambda _: None) -> Outcome:
    """Run cells and return what they took and gave; `after` is called with it after each. The first error ends it."""
    outcome = Outcome(len(sources), starting=_started())
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main  # where classes of cells say that they are from
    sys.modules["myst_nb"] = _gluing(outcome.outcomes)
    lacking: dict[str, str] = {}
    for number, source in enumerate(sources, 1):
        before, clock, processor = _trained(), time.perf_counter(), time.process_time()
        try:
            needs = _run_cell(source, f"<cell {number}>", main.__dict__, lacking)
            _synchronise()
        except Exception as error:
            outcome.error = f"cell {number} ({pages.first_line(source)}): {_said(error)}"
            needs = []
        seconds, worked = time.perf_counter() - clock, time.process_time() - processor
        new = [each for place, each in _trained().items() if place not in before]
        outcome.trainings += new
        outcome.seconds.append(round(max(0.0, seconds - sum(each["seconds"] for each in new)), 4))
        outcome.processor_seconds += max(0.0, worked - sum(each["processor_seconds"] for each in new))
        outcome.not_run += [{"cell": number, "line": pages.first_line(source), "needs": name} for name in needs]
        outcome.done = number
        after(outcome)
        if outcome.error:
            break
    return outcome


def _run_cell(source: str, name: str, space: dict[str, Any], lacking: dict[str, str]) -> list[str]:
    """Run a cell in `space`; return the libraries for want of which a part of it was left out.

    `lacking` has the names that are not bound for want of a library, with the library; more may be added.
    """
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    needs: list[str] = []
    statements = ast.parse(source, name).body
    for i, statement in enumerate(statements):
        try:
            _run_statement(statement, name, space, lacking)
        except Lacking as error:
            (library,) = error.args
            needs.append(library)
            imports = isinstance(statement, (ast.Import, ast.ImportFrom))
            lost = [statement] if imports else statements[i:]
            lacking |= {each: library for part in lost for each in _bound(part) if each not in space}
            if not imports:
                break
    return list(dict.fromkeys(needs))


def _run_statement(statement: ast.stmt, name: str, space: dict[str, Any], lacking: dict[str, str]) -> None:
    try:
        exec(compile(ast.Module([statement], []), name, "exec"), space)
    except ImportError as error:
        library = (error.name or _imported(statement)).partition(".")[0]
        if not library or library in OURS:
            raise
        raise Lacking(library) from error
    except NameError as error:
        if error.name not in lacking:
            raise
        raise Lacking(lacking[error.name]) from error


def _imported(statement: ast.stmt) -> str:
    if isinstance(statement, ast.ImportFrom):
        return statement.module or ""
    return statement.names[0].name if isinstance(statement, ast.Import) else ""


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement would bind."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((each.asname or each.name).partition(".")[0] for each in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _gluing(outcomes: dict[str, Any]) -> types.ModuleType:
    """Return a module in place of `myst_nb` whose `glue` keeps values by name."""

    def glue(name: str, variable: Any, display: bool = True) -> None:
        outcomes[name] = plain(variable)

    module = types.ModuleType("myst_nb")
    module.__dict__["glue"] = glue
    return module


def plain(value: Any) -> Any:
    """Return a number or a text as JSON holds it; of anything else its description, cut after 200 characters."""
    if isinstance(value, torch.Tensor) or hasattr(value, "item"):
        value = value.item() if getattr(value, "size", 1) == 1 or getattr(value, "ndim", 1) == 0 else repr(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (bool, int, float)) or value is None else str(value)[:LONGEST]


def _started() -> float:
    """Run a convolution and a product on the course's device, which loads what they need; return the seconds."""
    clock = time.perf_counter()
    x = torch.ones(1, 1, 8, 8, device=pixelwise.device())
    torch.nn.functional.conv2d(x, x[..., :3, :3]).flatten(2) @ torch.ones(36, 1, device=x.device)
    _synchronise()
    return round(time.perf_counter() - clock, 3)


def _synchronise() -> None:
    """Wait until the device has done what it was asked for: a GPU works while Python goes on."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _trained() -> dict[Path, dict[str, Any]]:
    folder = trained_once.folder()
    return trained_once.trainings(folder) if folder else {}


def _said(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"[:LONGEST]


def written(outcome: Outcome, sources: Sequence[str]) -> dict[str, Any]:
    """Return an outcome as a record keeps it: the sum of the cells' seconds, and the slowest with their first lines."""
    slowest = sorted(range(len(outcome.seconds)), key=lambda i: -outcome.seconds[i])[:SLOWEST]
    return {
        "cells": outcome.cells,
        "done": outcome.done,
        "seconds": round(sum(outcome.seconds), 2),
        "processor_seconds": round(outcome.processor_seconds, 2),
        "starting": outcome.starting,
        "threads": outcome.threads,
        "cell_seconds": [round(each, 3) for each in outcome.seconds],
        "slowest": [
            {"cell": i + 1, "line": pages.first_line(sources[i]), "seconds": round(outcome.seconds[i], 2)}
            for i in slowest
        ],
        "trainings": [each["network"] for each in outcome.trainings],
        "not_run": outcome.not_run,
        "error": outcome.error,
        "outcomes": outcome.outcomes,
    }


def main(page: Path, out: Path) -> None:
    """Run the cells of `page` in its folder and keep in `out` what they took and gave."""
    sources = pages.cells(page.read_text(encoding="utf-8"))
    os.chdir(page.parent)
    if "IPython" not in sys.modules:
        builtins.display = lambda *_, **__: None  # a notebook has it without an import
    run(sources, lambda outcome: files.write_whole(out, json.dumps(written(outcome, sources))))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
