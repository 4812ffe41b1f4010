"""Says whether a student's function loops over its input, by the work of calls at growing sizes."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.course.verdict import Verdict
from autograder.measure.work import Work, grows
from autograder.suite.assertions import assert_close, copies
from autograder.suite.errors import Loops, Mismatch, Slow, StudentError
from autograder.suite.student import StudentFunction, Timed

__all__ = ["assert_right_when_large", "loop_free"]  # what suites import


class Measurement(NamedTuple):
    """The work of one function at each of some sizes."""

    sizes: tuple[int, ...]
    works: tuple[Work, ...]


# Where the running test's measurements go: a test that passes raises nothing that could carry them.
measured: ContextVar[list[Measurement] | None] = ContextVar("measured", default=None)


def loop_free(
    function: StudentFunction,
    make: Callable[[int], tuple[Any, ...]],
    expected: Callable[..., Any],
    sizes: Sequence[int] = (6, 9, 13),
    clocked: Sequence[Callable[[], tuple[Any, ...]]] = (),
    **kwargs: Any,
) -> None:
    """Check that the work of ``function(*make(n))`` does not grow with ``n``. Raises `Loops` with the counts.

    It is measured at the greatest and the least of ``sizes``, and where it is more at the former, at those between.
    What the greatest call gives has to be right where two calls at the least size that are not measured are right, as
    in `assert_right_when_large`, or a function could loop wherever it is not measured and give anything where it is.
    What is wrong at the least size already is left to the tests that are about that; an error that is raised there as
    well is raised here, and breaks no gate.

    Each of ``clocked`` makes arguments for which a loop takes at least twenty times as long as the author's solution:
    long along one axis, and short along the others. Where the student's code is not plain, so that it could have
    changed its counts, its time is compared with that solution's, by the processor's clock outside. Raises `Slow` with
    how many times as long it took.
    """
    sizes = sorted(sizes)
    small, large = make(sizes[0]), make(sizes[-1])
    kept = copies(large)
    try:
        # An early call may import, compile or fill caches, which is no loop but looks like one. It is the greatest
        # here, so that all that this can do is to have the function measured again.
        greatest = function.measured(*large, **kwargs)
        least = function.measured(*small, **kwargs)
        works = [least.work, greatest.work]
        if all(done.intact for done in works) and not grows(works):
            sizes = [sizes[0], sizes[-1]]
        else:
            # Inputs that the function has not seen, so that it cannot have kept the answer.
            between = [function.measured(*make(n), **kwargs).work for n in sizes[1:-1]]
            works = [least.work, *between, greatest.work]
            if not all(done.intact for done in works) or not between or not grows([least.work, *between]):
                works = [function.measured(*make(n), **kwargs).work for n in sizes]
    except StudentError as error:
        if _raised_by_code(error):
            error.breaks_gate = any(_right_when_small(function, expected, lambda: make(sizes[0]), kwargs))
        raise
    if (noted := measured.get()) is not None:
        noted.append(Measurement(tuple(sizes), tuple(works)))
    if not all(done.intact for done in works):
        raise StudentError("Tampered", "the call switched the counting of its work off", verdict=Verdict.TAMPERED)
    if grows(works):
        raise Loops(sizes, works)
    found = list(_mismatches(greatest.value, expected(*kept, **kwargs)))
    # Not what it gave when it was measured: it may know that it is, and give nothing right then.
    if any(found):
        _require_right_when_large(_right_when_small(function, expected, lambda: make(sizes[0]), kwargs), found)
    elif function.is_clocked:
        for arguments in clocked:
            _require_fast(function, arguments, expected, kwargs)


TIMES_REFERENCE = 10  # as long as the author's solution a right one without a loop may take
_CLOCKED_CALLS = (
    3  # the student's fastest counts, beside the middle one of the author's: any may import, compile or be disturbed
)
_LEAST_SECONDS = 20e-6  # that a call across the wall takes by itself; a clock that shows less stood still


def _require_fast(
    function: StudentFunction,
    make: Callable[[], tuple[Any, ...]],
    expected: Callable[..., Any],
    kwargs: Mapping[str, Any],
) -> None:
    calls: list[Timed] = []
    for at in range(1, 2 * _CLOCKED_CALLS + 1):
        args = make()  # anew, so that no answer can have been kept
        right = expected(*copies(args), **kwargs)
        timed = function.beside_reference(*args, **kwargs)
        found = list(_mismatches(timed.value, right))
        _require_right_when_large([True for _ in found], found)
        calls.append(timed)
        if at >= _CLOCKED_CALLS and (times := _times(calls)) <= TIMES_REFERENCE:
            return
    raise Slow(times)


def _times(calls: Sequence[Timed]) -> float:
    """How many times as long as the author's solution a student's takes, without what crossing the wall takes.

    The student's fastest call counts, beside the middle one of the author's: any may import, compile or be disturbed.
    """
    crossing = min(each.crossing for each in calls)
    own = min(each.seconds for each in calls) - crossing
    return own / max(statistics.median(each.reference for each in calls) - crossing, _LEAST_SECONDS)


def assert_right_when_large(
    function: StudentFunction,
    expected: Callable[..., Any],
    small: Sequence[tuple[Any, ...]],
    large: Sequence[tuple[Any, ...]],
) -> None:
    """Check that a function that is right for the arguments of a ``small`` call is right for all ``large`` ones.

    Right is what ``expected`` gives, for each part of a list or tuple by itself. A part is right for small arguments
    where all its entries are, in one of the calls, and wrong for large ones where more than half of them are. So a
    function that is wrong for another reason than the size of its inputs is left to the tests that are about that.
    Raises `Mismatch`, or what the student's code raises for large arguments alone.
    """
    parts: list[bool] = []
    for call in small:
        right = _right_parts(function, expected, call, {})
        parts = [a or b for a, b in zip(parts or right, right, strict=True)]
        if all(parts):
            break
    if not any(parts):
        return
    for call in large:
        right = expected(*copies(call))
        _require_right_when_large(parts, list(_mismatches(function(*call), right)))


def _require_right_when_large(small: Sequence[bool], large: Sequence[Mismatch | None]) -> None:
    for right, mismatch in zip(small, large, strict=True):
        if right and mismatch is not None:
            mismatch.detail = f"what it gives is right for a small input and wrong for a large one: {mismatch.detail}"
            raise mismatch


def _right_when_small(
    function: StudentFunction,
    expected: Callable[..., Any],
    make: Callable[[], tuple[Any, ...]],
    kwargs: Mapping[str, Any],
) -> list[bool]:
    """Which parts are right in two small calls. In one, a wrong loss is right by chance in a draw of thirty."""
    first = _right_parts(function, expected, make(), kwargs)
    if not any(first):
        return first
    return [a and b for a, b in zip(first, _right_parts(function, expected, make(), kwargs), strict=True)]


def _right_parts(
    function: StudentFunction, expected: Callable[..., Any], call: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[bool]:
    """Of each part of what a call gives, whether it is right in all entries; none is where the code raises an error."""
    wanted = expected(*copies(call), **kwargs)
    try:
        got = function(*call, **kwargs)
    except StudentError as error:
        if not _raised_by_code(error):
            raise
        return [False for _ in _parts(None, wanted)]
    return [_difference(given, right) is None for given, right in _parts(got, wanted)]


def _raised_by_code(error: StudentError) -> bool:
    """Whether a call ended in an error of the code, and not because it is missing or its process had to be ended."""
    return error.verdict is Verdict.ERROR and bool(error.kind)


def _parts(got: Any, wanted: Any) -> Iterator[tuple[Any, Any]]:
    """The parts of a list or tuple beside those that they should be; any other value is one part."""
    if not isinstance(wanted, list | tuple):
        yield got, wanted
        return
    fitting = isinstance(got, list | tuple) and len(got) == len(wanted)
    yield from zip(got if fitting else [got] * len(wanted), wanted, strict=True)


def _difference(got: Any, wanted: Any, **tolerance: float) -> Mismatch | None:
    try:
        assert_close(got, wanted, **tolerance)
    except Mismatch as mismatch:
        return mismatch
    return None


def _mismatches(got: Any, right: Any) -> Iterator[Mismatch | None]:
    """How each part of ``got`` differs from that of ``right``; None where it does not in half of its entries."""
    for given, wanted in _parts(got, right):
        # How exact it is the tests of values tell: a sum of a thousand terms is not as exact as one of ten.
        mismatch = _difference(given, wanted, rtol=1e-3, atol=1e-3 * _largest(wanted))
        few = mismatch is not None and mismatch.differ is not None and mismatch.differ.double().mean() <= 0.5
        yield None if few else mismatch


def _largest(value: Any) -> float:
    """The largest finite magnitude among the numbers of a tensor or an array; 0 of anything else."""
    if not isinstance(value, torch.Tensor | np.ndarray):
        return 0.0
    magnitudes = torch.as_tensor(value).detach().double().abs().nan_to_num(posinf=0.0)
    return float(magnitudes.max()) if magnitudes.numel() else 0.0
