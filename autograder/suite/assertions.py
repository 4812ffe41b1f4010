"""Compares what a student's function gave with what is right."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from autograder.suite.errors import Mismatch
from autograder.suite.student import StudentFunction

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
            raise Mismatch(f"the result should be {kind_of(expected)}, and it is {kind_of(got)}", got, expected)
        for i, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
            with _in_part(i):
                assert_close(ours, theirs, rtol, atol, check_dtype)
    elif isinstance(expected, float):
        if isinstance(got, bool) or not isinstance(got, _NUMBERS):
            raise Mismatch(f"the result should be a number, and it is {kind_of(got)}", got, expected)
        if not np.isclose(got, expected, rtol=rtol or 1e-6, atol=atol or 1e-8, equal_nan=True):
            raise Mismatch("the number is not the right one", got, expected)
    elif type(got) is not type(expected):
        raise Mismatch(f"the result should be {kind_of(expected)}, and it is {kind_of(got)}", got, expected)
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
        raise Mismatch(f"the result should be {kind_of(expected)}, and it is {kind_of(got)}", got, expected)
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


def kind_of(value: Any) -> str:
    """What kind of value it is, in words: ``a tensor``, ``a list of 3``."""
    if value is None:
        return "None"
    if type(value) is torch.Tensor:
        return "a tensor"
    if type(value) is np.ndarray:
        return "a NumPy array"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def assert_untouched(function: StudentFunction, *args: Any, **kwargs: Any) -> None:
    """Call ``function`` and check that its tensor arguments are afterwards what they were before."""
    kept = copies(args)
    after = function.echo(*args, **kwargs).arguments
    for before, now in zip(kept, after, strict=True):
        if isinstance(before, torch.Tensor) and not torch.equal(before, now):
            raise Mismatch("an argument was changed in place", now, before)


def copies(args: tuple[Any, ...]) -> list[Any]:
    """Arguments that a call of the student's function cannot change."""
    return [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
