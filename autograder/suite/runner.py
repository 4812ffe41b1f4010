"""Runs a suite: plain pytest, collected once and run as often as there are students.

The only file that imports pytest. ``student`` and ``rng`` are its fixtures, ``points`` and ``gate`` its marks.
"""

import contextlib
import functools
import inspect
import io
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
import torch
from _pytest.config import _prepareconfig

from autograder.course.report import TestResult
from autograder.course.verdict import Verdict
from autograder.suite.errors import Failure, RunSerially, StudentError, SuiteError
from autograder.suite.inputs import generator
from autograder.suite.loops import Measurement, measured
from autograder.suite.student import answered


@dataclass
class SuiteRun:
    """One run of a suite: what its tests found, and for the notebook's display the errors and counts behind that."""

    student: Any
    seed: int
    results: list[TestResult] = field(default_factory=list)
    failures: dict[str, BaseException] = field(default_factory=dict)
    measurements: dict[str, list[Measurement]] = field(default_factory=dict)
    printed: str = ""


# What a test raises when a value is not of the kind that it works with. An error of the harness's own is none of these.
_STUMBLES = (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RuntimeError)


class Runner(Protocol):
    """Runs tests in another way than one after another."""

    def run(self, tests: Sequence[Callable[[], None]]) -> None:
        """Run all of them to their end."""

    def clock(self) -> float:
        """Seconds by a clock that stands still while the running test waits for another's sake."""


def run_suite(suite: Path, student: Any, seed: int, runner: Runner | None = None) -> SuiteRun:
    """Run one file of tests against ``student`` in this process.

    The file is imported and collected the first time, and again after it has changed. Its tests run one after another,
    or as ``runner`` does when none of them needs pytest's protocol. Raises `SuiteError` when the file has no test or
    cannot be imported, and `RunSerially` when the runner does.
    """
    return _known(suite).run(student, seed, runner)


def failing_test(suite: Path, student: Any, seed: int, first: Sequence[str] = ()) -> str | None:
    """The name of a test of a suite that ``student`` fails, the first that is found; None where there is none.

    The tests called ``first`` are run before the others. Raises `SuiteError` as `run_suite` does.
    """
    return _known(suite).failing(student, seed, first)


def _known(suite: Path) -> "_Suite":
    about = suite.stat()
    return _collected(suite, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=64)
def _collected(suite: Path, mtime: int, size: int) -> "_Suite":
    return _Suite(suite)


class _Suite:
    """A suite that pytest has collected, to be run as often as there are students.

    A new pytest session for each student would take longer than most students' tests do.
    """

    def __init__(self, path: Path) -> None:
        self._plugin = _Plugin()
        options = [str(path), "--import-mode=importlib", "--noconftest", f"--rootdir={path.parent}", "--capture=no"]
        # Without the cut pytest looks through every folder on the way from the file system's root.
        options += [f"--config-file={os.devnull}", "--assert=plain", f"--confcutdir={path.parent}"]
        for unneeded in UNNEEDED_PLUGINS:
            options += ["-p", f"no:{unneeded}"]
        try:
            with _autoload_off(), contextlib.redirect_stdout(io.StringIO()):
                self._config = _prepareconfig(options, [self._plugin])
                self._config._do_configure()
                session = pytest.Session.from_config(self._config)
                self._config.hook.pytest_sessionstart(session=session)
                self._config.hook.pytest_collection(session=session)
        finally:
            # Suites of one name, visible and hidden, must not be taken for each other.
            sys.modules.pop(path.stem, None)
        if self._plugin.problems:
            raise SuiteError(f"{path.name} cannot be imported: {self._plugin.problems[0].splitlines()[-1]}")
        if not session.items:
            raise SuiteError(f"{path.name} holds no test; write at least one")
        self._items = session.items
        self._plain = all(map(_plain, session.items))

    def run(self, student: Any, seed: int, runner: Runner | None) -> SuiteRun:
        with self._running(student, seed, runner.clock if runner is not None else time.perf_counter) as run:
            if self._plain and runner is not None:
                runner.run([functools.partial(self._plugin.perform, item) for item in self._items])
                order = {item.name: number for number, item in enumerate(self._items)}
                run.results.sort(key=lambda result: order[result.name])
            elif self._plain:
                for item in self._items:
                    self._plugin.perform(item)
            else:
                for item, following in zip_longest(self._items, self._items[1:]):
                    item._initrequest()  # forget the values that its fixtures had for the last student
                    self._config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return run

    def failing(self, student: Any, seed: int, first: Sequence[str]) -> str | None:
        if not self._plain:
            failed = (r.name for r in self.run(student, seed, None).results if r.verdict is not Verdict.PASSED)
            return next(failed, None)
        order = {name: place for place, name in enumerate(first)}
        with self._running(student, seed, time.perf_counter) as run:
            for item in sorted(self._items, key=lambda item: order.get(item.name, len(order))):
                self._plugin.perform(item)
                if run.results[-1].verdict is not Verdict.PASSED:
                    return item.name
        return None

    @contextlib.contextmanager
    def _running(self, student: Any, seed: int, clock: Callable[[], float]) -> Iterator[SuiteRun]:
        run = self._plugin.run = SuiteRun(student, seed)
        self._plugin.clock = clock
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the suite's own code; the student's runs elsewhere or says its own
                yield run
        finally:
            self._plugin.run = SuiteRun(None, 0)
        run.printed = printed.getvalue()


class _Plugin:
    """Gives a suite its fixtures and writes down what its tests find, into the run at hand."""

    def __init__(self) -> None:
        self.run = SuiteRun(None, 0)
        self.clock = time.perf_counter
        self.problems: list[str] = []

    @pytest.fixture
    def student(self) -> Any:
        return self.run.student

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> torch.Generator:
        return generator(self.run.seed, request.node.name)

    def perform(self, item: pytest.Function) -> None:
        """Run a test that needs no more of pytest than to be called; see `_plain`."""
        given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        if "student" in item.fixturenames:
            given["student"] = self.run.student
        if "rng" in item.fixturenames:
            given["rng"] = generator(self.run.seed, item.name)
        error: BaseException | None = None
        started = self.clock()
        try:
            with self._watched(item):
                item.obj(**given)
        except (KeyboardInterrupt, pytest.exit.Exception, RunSerially):
            raise
        except BaseException as raised:
            error = raised
        self._note(item, error, self.clock() - started)

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "points(n): how many points the test is worth; one unless it says so")
        config.addinivalue_line("markers", "gate: earns nothing; failing it keeps only part of the exercise's credit")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))

    @contextlib.contextmanager
    def _watched(self, item: pytest.Item) -> Iterator[None]:
        token = measured.set(self.run.measurements.setdefault(item.name, []))
        answered.set(False)
        try:
            yield
        finally:
            measured.reset(token)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with self._watched(item):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        if call.when == "call" or call.excinfo is not None:
            self._note(item, call.excinfo.value if call.excinfo else None, call.duration)
        # A report of our own: pytest's would render a traceback that nobody reads, and take longer than the test.
        outcome = "failed" if call.excinfo else "passed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when, duration=call.duration)

    def _note(self, item: pytest.Item, error: BaseException | None, duration: float) -> None:
        verdict, detail = judge(error)
        if isinstance(error, _STUMBLES) and verdict is Verdict.FAULT and answered.get():
            # `validate` ran this test on right values: here it stumbled over the student's.
            verdict, detail = Verdict.WRONG, "what it returned is not of the kind that it should be"
        if error is not None:
            self.run.failures[item.name] = error
        about = _about(item)
        self.run.results.append(
            TestResult(
                name=item.name,
                verdict=verdict,
                points=about.points,
                gate=about.gate and getattr(error, "breaks_gate", True),
                message=about.message,
                detail=detail,
                duration=round(duration, 4),
            )
        )


class _About(NamedTuple):
    """What a suite says of one of its tests."""

    points: float
    gate: bool
    message: str


@functools.lru_cache(maxsize=4096)  # a test is run once for each student
def _about(item: pytest.Item) -> _About:
    points = item.get_closest_marker("points")
    gate = item.get_closest_marker("gate") is not None
    message = inspect.cleandoc(getattr(item.obj, "__doc__", None) or "")
    return _About(0.0 if gate else float(points.args[0]) if points else 1.0, gate, message)


def judge(error: BaseException | None) -> tuple[Verdict, str]:
    """The verdict on a test that ended with ``error`` (None: it passed), and what to say of it."""
    if error is None:
        return Verdict.PASSED, ""
    if isinstance(error, Failure | StudentError):
        return error.verdict, error.detail
    if isinstance(error, pytest.fail.Exception):
        # `pytest.raises` fails with a sentence of its own that names the type and nothing of the input.
        text = str(error)
        if text.startswith("DID NOT RAISE"):
            return Verdict.WRONG, f"it should raise {re.findall(r'[A-Za-z_]+', text)[-1]}"
        return Verdict.WRONG, text
    if isinstance(error, AssertionError):
        return Verdict.WRONG, "what it returned is not as it should be"
    return Verdict.FAULT, f"the test itself failed: {type(error).__name__}: {error}"


# pytest's own plugins that have no part in a verdict; without them a test costs a third.
UNNEEDED_PLUGINS = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "logging", "pastebin", "setuponly",
    "stepwise", "terminal", "threadexception", "unraisableexception",
)  # fmt: skip


def _plain(item: pytest.Item) -> bool:
    """Whether a test is a function of nothing but our fixtures and its own parameters, with no mark that acts.

    Such a test, and nearly all are, is called directly. pytest's protocol of hooks around it, made for plugins that are
    not there, would take as long as most tests do; a suite with any other test runs through it.
    """
    if not isinstance(item, pytest.Function) or item.cls is not None or inspect.iscoroutinefunction(item.obj):
        return False
    marks = list(item.iter_markers())
    if any(mark.name not in ("points", "gate", "parametrize") or mark.kwargs.get("indirect") for mark in marks):
        return False
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    asked = item._fixtureinfo
    fixtures = [name for name in asked.initialnames if name not in parameters]
    return all(name in ("student", "rng") and len(asked.name2fixturedefs[name]) == 1 for name in fixtures)


@contextlib.contextmanager
def _autoload_off() -> Iterator[None]:
    # Plugins that happen to be installed must not change a grade, and loading them takes longer than a suite.
    before = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        else:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = before
