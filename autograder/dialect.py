"""The test dialect: what a suite may say, and the pytest plugin that runs it.

A suite is plain pytest. Its tests take ``student``, whose attributes are the student's functions, and ``rng``, a seeded
generator; ``@pytest.mark.points(2)`` weighs a test and ``@pytest.mark.gate`` makes it one that earns nothing but guards
the rest. A test's docstring is the sentence that a student reads when it fails.

The same test runs in two places. In a notebook ``student`` holds the notebook's own functions (`LocalStudent`); in the
grader it is a stand-in whose calls cross the jail's wall. Both are made of `StudentFunction`, so a suite cannot tell.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import io
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytest
import torch
from _pytest.config import _prepareconfig

from autograder import calls, work
from autograder.calls import Mode, Outcome
from autograder.report import TestResult, Verdict

# --- what a test may find out --------------------------------------------------------------------------------------


class Failure(AssertionError):
    """A test's expectation that did not hold. ``verdict`` says how, ``detail`` in words that give no answer away."""

    verdict = Verdict.WRONG

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Mismatch(Failure):
    """A value that is not the expected one. Keeps both for the notebook's display; a report takes ``detail`` only.

    ``differ`` marks the entries of an array that are outside the tolerance; None when shape, dtype or kind differ.
    ``part`` is which part of a list, tuple or dict it was, as one indexes it: ``[1]``.
    """

    part = ""

    def __init__(self, detail: str, got: Any, expected: Any, differ: torch.Tensor | None = None) -> None:
        super().__init__(detail)
        self.got, self.expected, self.differ = got, expected, differ


class Loops(Failure):
    """The work of a call grows with its input. Keeps the ``works`` measured at each of ``sizes``."""

    verdict = Verdict.LOOPS

    def __init__(self, sizes: Sequence[int], works: Sequence[work.Work]) -> None:
        table = ", ".join(
            f"size {n}: {w.opcodes} steps and {w.dispatched} operators" for n, w in zip(sizes, works, strict=True)
        )
        super().__init__(f"the work grows with the input ({table})")
        self.sizes, self.works = tuple(sizes), tuple(works)


class Forbidden(Failure):
    """A call that reached an operator which the exercise asks to do without."""

    verdict = Verdict.FORBIDDEN

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(f"the call used {', '.join(self.names)}, which this exercise asks you to do without")


class StudentError(Exception):
    """What went wrong inside the student's code. Also an instance of the built-in error that was raised there."""

    def __init__(self, kind: str, message: str, where: str = "", verdict: Verdict = Verdict.ERROR) -> None:
        super().__init__(message)
        self.kind, self.message, self.where, self.verdict = kind, message, where, verdict

    @property
    def detail(self) -> str:
        """The error in a sentence: its type, its message, and the student's line that raised it."""
        text = f"it raised {self.kind}" + (f": {self.message}" if self.message else "")
        return f"{text} ({self.where})" if self.where else text


_BUILTIN_ERRORS = {
    name: kind
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning)
}
_ERROR_TYPES: dict[str, type[StudentError]] = {}


def student_error(kind: str, message: str, where: str = "", missing: bool = False) -> StudentError:
    """A `StudentError` that ``pytest.raises`` matches as the built-in error called ``kind``, if there is one.

    ``missing`` says that there is nothing to grade, as an untouched stub's ``NotImplementedError`` does by itself.
    """
    verdict = Verdict.ERROR
    if missing or kind == "NotImplementedError":
        verdict = Verdict.MISSING
    elif kind == "MemoryError" or (kind == "RuntimeError" and "allocate memory" in message):
        verdict = Verdict.MEMORY
    if kind not in _ERROR_TYPES:
        base = _BUILTIN_ERRORS.get(kind)
        try:
            made = type(kind, (StudentError,) if base is None or base is Exception else (StudentError, base), {})
            made(kind, message)
        except TypeError:  # the layout of a few built-in errors cannot be combined with another's
            made = type(kind, (StudentError,), {})
        _ERROR_TYPES[kind] = made
    return _ERROR_TYPES[kind](kind, message, where, verdict)


# --- the student's side of a call ----------------------------------------------------------------------------------


class Echo(NamedTuple):
    """A call's value together with its arguments as the call left them."""

    value: Any
    arguments: tuple[Any, ...]


class StudentFunction:
    """A function of the student's. Calling it returns a plain value; the methods look at one call more closely.

    All raise `StudentError` for what the student's code raises and `Forbidden` for an operator matching ``forbidden``.
    """

    def __init__(self, name: str, forbidden: Sequence[str] = ()) -> None:
        self.name, self.forbidden = name, tuple(forbidden)

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        """Make one call, wherever the function lives."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of one call."""
        return self._checked(self.perform(Mode.VALUE, args, kwargs)).value

    def echo(self, *args: Any, **kwargs: Any) -> Echo:
        """One call's value, and its positional arguments as they are afterwards."""
        outcome = self._checked(self.perform(Mode.ECHO, args, kwargs))
        return Echo(outcome.value, outcome.arguments)

    def gradients(self, *args: Any, upstream: torch.Tensor, **kwargs: Any) -> tuple[torch.Tensor | None, ...]:
        """Gradients of ``(f(*args) * upstream).sum()`` for each floating-point tensor among ``args``, by autograd."""
        return self._checked(self.perform(Mode.GRADIENTS, args, kwargs, upstream)).value

    def work(self, *args: Any, **kwargs: Any) -> work.Work:
        """The work of one call."""
        return self.measured(*args, **kwargs).work

    def measured(self, *args: Any, **kwargs: Any) -> Outcome:
        """One call's work together with its value."""
        return self._checked(self.perform(Mode.WORK, args, kwargs))

    def _checked(self, outcome: Outcome) -> Outcome:
        _answered.set(True)
        if used := work.matching(outcome.operators, self.forbidden):
            raise Forbidden(used)
        return outcome


class LocalFunction(StudentFunction):
    """A function that lives in this process: what a notebook's own check calls."""

    def __init__(self, name: str, function: Callable[..., Any], forbidden: Sequence[str] = ()) -> None:
        super().__init__(name, forbidden)
        self.function = function

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        try:
            return calls.perform(self.function, mode, args, kwargs, upstream, self.forbidden)
        except (Exception, SystemExit) as error:  # `exit()` in a function ends a call, not the notebook's check
            raise student_error(*calls.describe(error)) from error


class LocalStudent:
    """The ``student`` of a notebook: the functions of its namespace, by name."""

    def __init__(self, namespace: Mapping[str, Any], forbidden: Sequence[str] = ()) -> None:
        self._namespace, self._forbidden = namespace, forbidden

    def __getattr__(self, name: str) -> StudentFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        function = self._namespace.get(name)
        if not callable(function):
            raise student_error("NameError", f"there is no function called {name} yet", missing=True)
        return LocalFunction(name, function, self._forbidden)


# --- what suites say ----------------------------------------------------------------------------------------------


def normal(rng: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A tensor of ``shape`` with standard normal entries."""
    return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)


def integers(rng: torch.Generator, low: int, high: int, *shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """A tensor of ``shape`` with integers drawn evenly from ``low`` up to, not including, ``high``."""
    return torch.randint(low, high, shape, generator=rng).to(dtype)


def one_of(rng: torch.Generator, choices: Sequence[Any]) -> Any:
    """One of ``choices``, all as likely."""
    return choices[int(integers(rng, 0, len(choices)))]


def scattered(x: torch.Tensor) -> torch.Tensor:
    """A tensor equal to ``x`` whose memory is not contiguous, as slices and transposes of larger tensors are."""
    wide = torch.empty(*x.shape[:-1], 2 * x.shape[-1] + 1, dtype=x.dtype).fill_(0)
    view = wide.transpose(-1, -2).contiguous().transpose(-1, -2)[..., 1::2]
    view.copy_(x)
    return view


_NUMBERS = (bool, int, float)


def assert_close(
    got: Any, expected: Any, rtol: float | None = None, atol: float | None = None, check_dtype: bool = True
) -> None:
    """Compare a student's value with the expected one: type, shape, dtype, then values.

    ``expected`` may be a tensor, an array, a number, a string, None, or a list, tuple or dict of these. Tolerances
    default to those of `torch.testing.assert_close`, ten times as wide for float32 and narrower so that the order of
    a sum does not decide a grade. NaN equals NaN. Raises `Mismatch`.
    """
    if isinstance(expected, torch.Tensor | np.ndarray):
        _compare_arrays(got, expected, rtol, atol, check_dtype)
    elif isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            raise Mismatch("the result should be a dict with other keys", got, expected)
        for key in expected:
            with _in_part(key):
                assert_close(got[key], expected[key], rtol, atol, check_dtype)
    elif isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            raise Mismatch(f"the result should be {_kind(expected)}, and it is {_kind(got)}", got, expected)
        for i, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
            with _in_part(i):
                assert_close(ours, theirs, rtol, atol, check_dtype)
    elif isinstance(expected, float):
        if isinstance(got, bool) or not isinstance(got, _NUMBERS):
            raise Mismatch(f"the result should be a number, and it is {_kind(got)}", got, expected)
        if not np.isclose(got, expected, rtol=rtol or 1e-6, atol=atol or 1e-8, equal_nan=True):
            raise Mismatch("the number is not the right one", got, expected)
    elif type(got) is not type(expected):
        raise Mismatch(f"the result should be {_kind(expected)}, and it is {_kind(got)}", got, expected)
    elif got != expected:
        raise Mismatch("the value is not the right one", got, expected)


@contextlib.contextmanager
def _in_part(key: Any) -> Iterator[None]:
    try:
        yield
    except Mismatch as mismatch:
        mismatch.part = f"[{key!r}]{mismatch.part}"
        raise


def _compare_arrays(got: Any, expected: Any, rtol: float | None, atol: float | None, check_dtype: bool) -> None:
    if type(got) is not type(expected):
        raise Mismatch(f"the result should be {_kind(expected)}, and it is {_kind(got)}", got, expected)
    if tuple(got.shape) != tuple(expected.shape):
        raise Mismatch("the shape is not the right one", got, expected)
    if check_dtype and got.dtype != expected.dtype:
        raise Mismatch("the values have another dtype than they should have", got, expected)
    ours, theirs = torch.as_tensor(got).detach(), torch.as_tensor(expected).detach()
    if ours.numel() == 0:
        return
    if not theirs.is_floating_point():
        differ = ours != theirs
    else:
        narrow = {torch.float16: (1e-2, 1e-3), torch.bfloat16: (5e-2, 1e-2), torch.float32: (1e-4, 1e-5)}
        wide = narrow.get(theirs.dtype, (1e-7, 1e-9))
        ours, theirs = ours.double(), theirs.double()
        # Nearly every comparison finds all entries close and finite, which NumPy tells in a third of the time.
        a, b = ours.numpy(), theirs.numpy()
        with np.errstate(invalid="ignore"):
            if (np.abs(a - b) <= (atol or wide[1]) + (rtol or wide[0]) * np.abs(b)).all() and np.isfinite(b).all():
                return
        differ = ~torch.isclose(ours, theirs, rtol=rtol or wide[0], atol=atol or wide[1], equal_nan=True)
    if wrong := int(differ.sum()):
        share = wrong / differ.numel()
        some = f"{share:.0%} of the values differ" if share >= 0.005 else "a few values differ"
        raise Mismatch(some, got, expected, differ)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, torch.Tensor):
        return "a tensor"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def assert_untouched(function: StudentFunction, *args: Any, **kwargs: Any) -> None:
    """Call ``function`` and check that its tensor arguments are afterwards what they were before."""
    kept = _copies(args)
    after = function.echo(*args, **kwargs).arguments
    for before, now in zip(kept, after, strict=True):
        if isinstance(before, torch.Tensor) and not torch.equal(before, now):
            raise Mismatch("an argument was changed in place", now, before)


class Measurement(NamedTuple):
    """The work of one function at each of some sizes."""

    sizes: tuple[int, ...]
    works: tuple[work.Work, ...]


# Whether the student's code has returned anything to the running test, which may then stumble over what it got.
_answered: ContextVar[bool] = ContextVar("answered", default=False)
# The `Call.company` of the running test's calls.
company: ContextVar[str | None] = ContextVar("company", default="")
# Where the running test's measurements go: a test that passes raises nothing that could carry them.
_measured: ContextVar[list[Measurement] | None] = ContextVar("measured", default=None)


@contextlib.contextmanager
def _in_company(name: str | None) -> Iterator[None]:
    token = company.set(name)
    try:
        yield
    finally:
        company.reset(token)


def loop_free(
    function: StudentFunction,
    make: Callable[[int], tuple[Any, ...]],
    expected: Callable[..., Any],
    sizes: Sequence[int] = (6, 9, 13),
    **kwargs: Any,
) -> None:
    """Check that the work of ``function(*make(n))`` does not grow with ``n``. Raises `Loops` with the counts.

    It is measured at the greatest and the least of ``sizes``, and where it is more at the former, at those between.
    What the greatest call gives has to be right where a call at the least size that is not measured is right, as in
    `assert_right_when_large`, or a function could loop wherever it is not measured and give anything where it is.
    """
    sizes = sorted(sizes)
    small, large = make(sizes[0]), make(sizes[-1])
    kept = _copies(large)
    # An early call may import, compile or fill caches, which is no loop but looks like one. It is the greatest here, so
    # that all that this can do is to have the function measured again.
    with _in_company("greatest"):
        greatest = function.measured(*large, **kwargs)
    with _in_company("least"):
        least = function.measured(*small, **kwargs)
    works = [least.work, greatest.work]
    if all(done.intact for done in works) and not work.grows(works):
        sizes = [sizes[0], sizes[-1]]
    else:
        # Inputs that the function has not seen, so that it cannot have kept the answer.
        works[1:1] = between = [function.work(*make(n), **kwargs) for n in sizes[1:-1]]
        if not all(done.intact for done in works) or not between or not work.grows([least.work, *between]):
            works = [function.work(*make(n), **kwargs) for n in sizes]
    if (measured := _measured.get()) is not None:
        measured.append(Measurement(tuple(sizes), tuple(works)))
    if not all(done.intact for done in works):
        raise StudentError("Tampered", "the call switched the counting of its work off", verdict=Verdict.TAMPERED)
    if work.grows(works):
        raise Loops(sizes, works)
    wrong_when_large = list(_mismatches(greatest.value, expected(*kept, **kwargs)))
    if any(wrong_when_large):
        # Not what it gave when it was measured: it may know that it is, and give nothing right then.
        small = make(sizes[0])
        right = expected(*_copies(small), **kwargs)
        _require_right_when_large(_mismatches(function(*small, **kwargs), right), wrong_when_large)


def _copies(args: tuple[Any, ...]) -> list[Any]:
    """Arguments that a call of the student's function cannot change."""
    return [a.clone() if isinstance(a, torch.Tensor) else a for a in args]


def assert_right_when_large(
    function: StudentFunction, expected: Callable[..., Any], small: tuple[Any, ...], *large: tuple[Any, ...]
) -> None:
    """Check that what a call with the arguments ``small`` has right each of the ``large`` has right as well.

    Right is what ``expected`` gives, for each part of a list or tuple by itself: half of its entries, to a thousandth
    of the largest. So a function that is wrong for another reason than the size of its inputs is left to other tests.
    Raises `Mismatch`.
    """
    before = None
    for call in (small, *large):
        right = expected(*_copies(call))
        found = list(_mismatches(function(*call), right))
        _require_right_when_large(before or found, found)
        before = before or found


def _require_right_when_large(small: Iterable[Mismatch | None], large: Iterable[Mismatch | None]) -> None:
    for before, now in zip(small, large, strict=True):
        if before is None and now is not None:
            now.detail = f"what it gives is right for a small input and wrong for a large one: {now.detail}"
            raise now


def _mismatches(got: Any, right: Any) -> Iterator[Mismatch | None]:
    """How each part of ``got`` differs from that of ``right``; None where it does not in half of its entries."""
    several = isinstance(right, list | tuple)
    fitting = not several or (isinstance(got, list | tuple) and len(got) == len(right))
    for i, wanted in enumerate(right if several else [right]):
        try:
            # How exact it is the tests of values tell: a sum of a thousand terms is not as exact as one of ten.
            tolerance = 1e-3 * _largest(wanted)
            assert_close(got[i] if several and fitting else got, wanted, rtol=1e-3, atol=tolerance)
        except Mismatch as mismatch:
            few = mismatch.differ is not None and mismatch.differ.double().mean() <= 0.5
            yield None if few else mismatch
        else:
            yield None


def _largest(value: Any) -> float:
    """The largest finite magnitude among the numbers of a tensor or an array; 0 of anything else."""
    if not isinstance(value, torch.Tensor | np.ndarray):
        return 0.0
    magnitudes = torch.as_tensor(value).detach().double().abs().nan_to_num(posinf=0.0)
    return float(magnitudes.max()) if magnitudes.numel() else 0.0


def faster_than(
    function: StudentFunction, slow: Callable[..., Any], *args: Any, ratio: float = 2.0, repeats: int = 3
) -> None:
    """Check that ``function`` takes less than 1/``ratio`` of the time that ``slow`` takes, best of ``repeats`` each.

    Both are clocked from outside the student's code. ``slow`` is the suite's own and runs where the suite runs.
    """

    def best(call: Callable[..., Any]) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            call(*args)
            times.append(time.perf_counter() - start)
        return min(times)

    with _in_company(None):  # which would be clocked as well
        ours, theirs = best(function), best(slow)
    if ours * ratio > theirs:
        share = ours / theirs
        raise Failure(f"it takes {share:.2f} of the time of a plain loop, and should take at most {1 / ratio:.2f}")


# --- the plugin ---------------------------------------------------------------------------------------------------


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


class Abandoned(BaseException):
    """Ends the run of a suite from inside one of its tests. No test can catch it, and it is no test's result."""


class Runner(Protocol):
    """Runs tests in another way than one after another."""

    def run(self, tests: Sequence[Callable[[], None]]) -> None:
        """Run all of them to their end."""

    def clock(self) -> float:
        """Seconds by a clock that stands still while the running test waits for another's sake."""


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
        return self.generator(request.node.name)

    def generator(self, test: str) -> torch.Generator:
        # Each test draws from its own stream, so that adding or leaving out a test does not move another's inputs.
        digest = hashlib.sha256(f"{self.run.seed}:{test}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)

    def perform(self, item: pytest.Function) -> None:
        """Run a test that needs no more of pytest than to be called; see `_plain`."""
        given = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        if "student" in item.fixturenames:
            given["student"] = self.run.student
        if "rng" in item.fixturenames:
            given["rng"] = self.generator(item.name)
        error: BaseException | None = None
        started = self.clock()
        try:
            with self._watched(item):
                item.obj(**given)
        except (KeyboardInterrupt, pytest.exit.Exception, Abandoned):
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
        token = _measured.set(self.run.measurements.setdefault(item.name, []))
        _answered.set(False)
        try:
            yield
        finally:
            _measured.reset(token)

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
        if isinstance(error, _STUMBLES) and verdict is Verdict.FAULT and _answered.get():
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
                gate=about.gate,
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


class SuiteError(Exception):
    """A suite that cannot be run: it does not import, or holds no test."""


def run_suite(suite: Path, student: Any, seed: int, runner: Runner | None = None) -> SuiteRun:
    """Run one file of tests against ``student`` in this process.

    The file is imported and collected the first time, and again after it has changed. Its tests run one after another,
    or as ``runner`` does when none of them needs pytest's protocol. Raises `SuiteError` when the file has no test or
    cannot be imported, and `Abandoned` when the runner does.
    """
    about = suite.stat()
    return _collected(suite, about.st_mtime_ns, about.st_size).run(student, seed, runner)


@functools.lru_cache(maxsize=64)
def _collected(suite: Path, mtime: int, size: int) -> _Suite:
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
        run = self._plugin.run = SuiteRun(student, seed)
        self._plugin.clock = runner.clock if runner is not None else time.perf_counter
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the suite's own code; the student's runs elsewhere or says its own
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
        finally:
            self._plugin.run = SuiteRun(None, 0)
        run.printed = printed.getvalue()
        return run


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
