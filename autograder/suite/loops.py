"""Says whether a student's function loops over its input, by the work of calls at growing sizes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.course.verdict import Verdict
from autograder.measure.work import Work, grows
from autograder.suite.assertions import assert_close, copies
from autograder.suite.errors import Loops, Mismatch, Slow, StudentError
from autograder.suite.student import StudentFunction

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
    What the greatest call gives has to be right where a call at the least size that is not measured is right, as in
    `assert_right_when_large`, or a function could loop wherever it is not measured and give anything where it is.

    Each of ``clocked`` makes arguments for which a loop takes at least twenty times as long as the author's solution:
    long along one axis, and short along the others. Where the student's code is not plain, so that it could have
    changed its counts, its time is compared with that solution's, by the processor's clock outside. Raises `Slow` with
    how many times as long it took.
    """
    sizes = sorted(sizes)
    small, large = make(sizes[0]), make(sizes[-1])
    kept = copies(large)
    # An early call may import, compile or fill caches, which is no loop but looks like one. It is the greatest here, so
    # that all that this can do is to have the function measured again.
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
    if (noted := measured.get()) is not None:
        noted.append(Measurement(tuple(sizes), tuple(works)))
    if not all(done.intact for done in works):
        raise StudentError("Tampered", "the call switched the counting of its work off", verdict=Verdict.TAMPERED)
    if grows(works):
        raise Loops(sizes, works)
    wrong_when_large = list(_mismatches(greatest.value, expected(*kept, **kwargs)))
    if any(wrong_when_large):
        # Not what it gave when it was measured: it may know that it is, and give nothing right then.
        small = make(sizes[0])
        right = expected(*copies(small), **kwargs)
        _require_right_when_large(_mismatches(function(*small, **kwargs), right), wrong_when_large)
    elif function.is_clocked:
        for arguments in clocked:
            _require_fast(function, arguments, expected, kwargs)


TIMES_REFERENCE = 10  # as long as the author's solution a right one without a loop may take
_CLOCKED_CALLS = 3  # of which the fastest counts: the first may import or compile


def _require_fast(
    function: StudentFunction,
    make: Callable[[], tuple[Any, ...]],
    expected: Callable[..., Any],
    kwargs: dict[str, Any],
) -> None:
    taken, reference = [], []
    for _ in range(_CLOCKED_CALLS):
        args = make()  # anew, so that no answer can have been kept
        right = expected(*copies(args), **kwargs)
        timed = function.beside_reference(*args, **kwargs)
        _require_right_when_large([None] * _parts(right), _mismatches(timed.value, right))
        taken.append(timed.seconds)
        reference.append(timed.reference)
    if (times := min(taken) / min(reference)) > TIMES_REFERENCE:
        raise Slow(times)


def _parts(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple) else 1


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
        right = expected(*copies(call))
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
