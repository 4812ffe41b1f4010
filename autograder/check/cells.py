"""Which run of a cell gave a notebook's names their values, and which run should have and did not.

A cell that fails leaves its names as they were, and a check would test the old functions without a word. IPython tells
of every run of a cell, and that is all it tells: a cell that was edited or deleted and not run is seen by nobody here.
"""

import dis
import re
import symtable
import textwrap
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any

from autograder.course.syntax import UNREADABLE, TooLong, line_of, python_of, syntax_tree


@dataclass(frozen=True)
class CellRun:
    """One run of a cell. ``number`` is what a notebook shows beside it, ``cell`` its id where the front end tells it.

    A run that failed has the ``error``'s type and message, and the ``line`` of the cell that it came from, if known.
    """

    number: int
    source: str
    cell: str | None = None
    error: str = ""
    line: int | None = None

    @property
    def line_text(self) -> str:
        """The line that the error came from."""
        return line_of(self.source, self.line or 0)


@dataclass(frozen=True)
class Stale:
    """A ``name`` whose value is not what ``run``, the last of its cell, says; ``before`` gave it, if that is known.

    ``exists`` says whether it has a value at all.
    """

    name: str
    run: CellRun
    before: CellRun | None
    exists: bool


class CellRuns:
    """What is known of the runs of a notebook's cells, from the moment on at which this follows its shell."""

    def __init__(self) -> None:
        # The run that last gave a name its value and the one that should have after that, with the function meanwhile:
        # `%run` and `exec` give values of which no source of a cell tells.
        self._given: dict[str, tuple[CellRun, Any]] = {}
        self._failed: dict[str, tuple[CellRun, Any]] = {}
        self._running: list[CellRun] = []

    def follow(self, shell: Any) -> None:
        """Learn of each run of a cell in an IPython ``shell`` from now on, and what its history tells of earlier ones.

        Of those it tells the source alone, so that only those are known to have failed that are not Python.
        """

        def started(info: Any) -> None:
            number = shell.execution_count - 1 if info.store_history else shell.execution_count
            run = CellRun(number, info.raw_cell, getattr(info, "cell_id", None))
            # `%%capture` runs its lines as a cell inside of its own.
            self._running.append(
                replace(run, number=self._running[0].number, cell=self._running[0].cell) if self._running else run
            )

        def ended(result: Any) -> None:
            if not result.info.raw_cell.strip():
                return  # IPython tells of the end of an empty cell and not of its start
            if not self._running:  # the cell that began to follow
                started(result.info)
            self._ended(shell.user_ns, self._running.pop(), result.error_before_exec, result.error_in_exec)

        for number, source in enumerate(shell.user_ns.get("In", ())):
            if 0 < number < shell.execution_count - 1:
                self._ended(shell.user_ns, CellRun(number, source), _syntax_error(source), None)
        shell.events.register("pre_run_cell", started)
        shell.events.register("post_run_cell", ended)

    def stale(self, name: str, namespace: Mapping[str, Any], line: int | None = None) -> Stale | None:
        """The first among ``name`` and the notebook's names that its function uses whose last run did not renew it.

        ``line`` is the line of the running cell at which this is asked: what stands above it has been run.
        """
        failed = dict(self._failed)
        if self._running and line is not None:
            for renewed in _bound(self._running[-1].source, above=line):
                failed.pop(renewed, None)
        for used in used_names(name, namespace) if failed else ():
            run, then = failed.get(used, (None, None))
            if run is not None and _function(used, namespace) is then:
                before, _ = self._given.get(used, (None, None))
                return Stale(used, run, before, used in namespace)
        return None

    def origin(self, name: str, namespace: Mapping[str, Any]) -> int | None:
        """The number of the run that gave ``name`` its value, where it is known."""
        if self._running and name in _bound(self._running[-1].source):
            return self._running[-1].number
        run, then = self._given.get(name, (None, None))
        return run.number if run is not None and _function(name, namespace) is then else None

    def _ended(
        self,
        namespace: Mapping[str, Any],
        run: CellRun,
        before: BaseException | None,
        during: BaseException | None,
    ) -> None:
        """Note how a run ended: with an error before any of it ran, with one while it ran, or well."""
        error = before or during
        run = replace(run, error=_words(error), line=_line(error, run.source))
        binds = _bound(run.source)
        gave = binds if error is None else _bound(run.source, above=run.line) if during and run.line else set()
        gave = {name for name in gave if name not in self._failed or self._failed[name][0].number != run.number}
        if run.cell is not None:  # what the same cell gave before and does not give any more
            binds = binds | {name for name, (earlier, _) in self._given.items() if earlier.cell == run.cell}
        for name in gave:
            self._given[name] = run, _function(name, namespace)
            self._failed.pop(name, None)
        for name in binds - gave:
            self._failed[name] = run, _function(name, namespace)


RUNS = CellRuns()


def used_names(name: str, namespace: Mapping[str, Any]) -> Iterator[str]:
    """``name``, and the names of the notebook that its function uses, and those that these use, and so on."""
    pending, seen = [name], {name}
    while pending:
        current = pending.pop(0)
        yield current
        for code in _codes(namespace.get(current), namespace):
            found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
            pending += sorted(found - seen)
            seen |= found


def _function(name: str, namespace: Mapping[str, Any]) -> Any:
    """The function or class called ``name``. Not other values: to keep a large array here would keep its memory."""
    value = namespace.get(name)
    return value if isinstance(value, FunctionType | type) else None


def _codes(value: Any, namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    """The code of a function or of a class's methods, if it is of the notebook's own, and all code inside."""
    functions = [value] if isinstance(value, FunctionType) else vars(value).values() if isinstance(value, type) else ()
    pending = [f.__code__ for f in functions if isinstance(f, FunctionType) and f.__globals__ is namespace]
    while pending:
        code = pending.pop()
        yield code
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


# What looks like a definition in a cell that Python cannot read.
_DEFINITION = re.compile(r"^(?:async\s+)?(?:(?:def|class)\s+(\w+)|(\w+)\s*(?::[^=\n]+)?=(?!=))", re.MULTILINE)


def _bound(source: str, above: int | None = None) -> set[str]:
    """The names that a cell binds at its top level, or those of its statements that end above a line.

    Imports are left out: what they bind is the same every time.
    """
    source = textwrap.dedent(source)  # as IPython does
    for text in (source, python_of(source)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ends = [node.end_lineno or node.lineno for node in syntax_tree(text).body]
                last = max((end for end in ends if above is None or end < above), default=0)
                symbols = symtable.symtable("\n".join(text.splitlines()[:last]), "<cell>", "exec").get_symbols()
        except UNREADABLE:
            continue
        return {each.get_name() for each in symbols if each.is_assigned() and not each.is_imported()}
    return {first or second for first, second in _DEFINITION.findall(source)} if above is None else set()


def _syntax_error(source: str) -> BaseException | None:
    try:
        syntax_tree(source)  # the history holds cells as Python, their magics written out
    except TooLong:
        return None
    except UNREADABLE as error:
        return error
    return None


def _words(error: BaseException | None) -> str:
    if error is None:
        return ""
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # an error class of the student's own may do anything when it is printed
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _line(error: BaseException | None, source: str) -> int | None:
    """The line of the cell at whose top level ``error`` came up, or where it cannot be read."""
    if error is None:
        return None
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"
    ]
    if source.lstrip().startswith("%%") and lines:
        return lines[-1] + 1  # a cell magic counts the lines below its own
    return lines[0] if lines else error.lineno if isinstance(error, SyntaxError) else None
