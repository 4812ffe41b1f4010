"""What a test can find wrong, and what the student's own code raised. Each knows its verdict."""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from autograder.course.verdict import Verdict
from autograder.measure.work import Work

__all__ = ["Failure", "Forbidden", "Loops", "Mismatch", "StudentError"]  # what suites import


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

    def __init__(self, sizes: Sequence[int], works: Sequence[Work]) -> None:
        table = ", ".join(
            f"size {n}: {w.opcodes} steps and {w.dispatched} operators" for n, w in zip(sizes, works, strict=True)
        )
        super().__init__(f"the work grows with the input ({table})")
        self.sizes, self.works = tuple(sizes), tuple(works)


class Slow(Failure):
    """A call that takes many times as much processor time as a solution without a loop, by the clock outside."""

    verdict = Verdict.LOOPS

    def __init__(self, times: float) -> None:
        super().__init__(f"it takes {times:.0f} times as long as a solution without a loop, so it may hide one")
        self.times = times


class Forbidden(Failure):
    """A call that reached an operator which the exercise asks to do without."""

    verdict = Verdict.FORBIDDEN

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        known = (f"{name} (what {KNOWN_AS[name]} runs)" if name in KNOWN_AS else name for name in self.names)
        super().__init__(f"the call used {', '.join(known)}, which this exercise asks you to do without")


# Operators whose names mislead: a student's own `im2col` runs no `aten::im2col`.
KNOWN_AS = {"aten::im2col": "F.unfold", "aten::col2im": "F.fold"}


class StudentError(Exception):
    """What went wrong inside the student's code. Also an instance of the built-in error that was raised there.

    ``told`` is what a report may say of it, where that is not the whole; `pytest.raises` always sees the whole message.
    ``breaks_gate`` says whether a gate that ends in it is failed; the tests of values charge for it in any case.
    """

    breaks_gate = True

    def __init__(
        self, kind: str, message: str, where: str = "", verdict: Verdict = Verdict.ERROR, told: str | None = None
    ) -> None:
        Exception.__init__(self, message)  # those of the built-in errors ask for arguments of their own
        self.kind, self._message, self.where, self.verdict, self.told = kind, message, where, verdict, told

    @property
    def message(self) -> str:
        """The message, whole."""
        return self._message

    def __str__(self) -> str:
        return self._message

    @property
    def detail(self) -> str:
        """The error in a sentence: its type, its message, and the student's line that raised it."""
        return error_words(self.kind, self.message, self.where) if self.told is None else self.told


def error_words(kind: str, message: str, where: str) -> str:
    """The sentence that tells of an error. Any part but ``kind`` may be empty."""
    text = f"it raised {kind}" + (f": {message}" if message else "")
    return f"{text} ({where})" if where else text


_BUILTIN_ERRORS = {
    name: kind
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning)
}


def student_error(
    kind: str, message: str, where: str = "", missing: bool = False, told: str | None = None
) -> StudentError:
    """A `StudentError` that ``pytest.raises`` matches as the built-in `Exception` called ``kind``, if there is one.

    ``missing`` says that there is nothing to grade, as an untouched stub's ``NotImplementedError`` does by itself; that
    of a library says that it cannot do what it was asked for.
    """
    verdict = Verdict.ERROR
    stub = not message or message.endswith(" is not written yet") or "raise NotImplementedError" in where
    if missing or (kind == "NotImplementedError" and stub):
        verdict = Verdict.MISSING
    elif kind.endswith("MemoryError") or (kind == "RuntimeError" and re.search("allocate memory|bad_alloc", message)):
        verdict = Verdict.MEMORY
    return _error_type(kind if kind in _BUILTIN_ERRORS else "Exception")(kind, message, where, verdict, told)


@functools.cache
def _error_type(kind: str) -> type[StudentError]:
    base = _BUILTIN_ERRORS[kind]
    if base is Exception:
        return StudentError
    # An error group, alone among them, cannot be made without the errors that it groups.
    grouping = {"__new__": lambda cls, kind, message, *_: base.__new__(cls, message, [Exception(message)])}
    return type(kind, (StudentError, base), grouping if issubclass(base, ExceptionGroup) else {})


class SuiteError(Exception):
    """A suite that cannot be run: it does not import, or holds no test."""


class RunSerially(BaseException):
    """Ends a batched run of a suite from inside a test: its tests have to run one after another.

    A `BaseException`, so that no test catches it; it is no test's result.
    """
