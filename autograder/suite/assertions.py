"""Compares what a student's function gave with what is right."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from autograder.suite.errors import Failure, Mismatch
from autograder.suite.student import StudentFunction, StudentModule

__all__ = ["assert_close", "assert_refuses", "assert_untouched"]  # what suites import

_NUMBERS = bool | int | float
_COMPUTED = _NUMBERS | torch.Tensor | np.ndarray | np.generic


def assert_close(
    got: Any, expected: Any, rtol: float | None = None, atol: float | None = None, check_dtype: bool = True
) -> None:
    """Compare a student's value with the expected one: type, shape, dtype, then values.

    ``expected`` may be a tensor, an array, a number, a string, None, or a list, tuple or dict of these. Tolerances
    default to `TOLERANCES`. NaN equals NaN. Raises `Mismatch`.
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
        for i, (given, right) in enumerate(zip(got, expected, strict=True)):
            with _in_part(i):
                assert_close(given, right, rtol, atol, check_dtype)
    elif isinstance(expected, float):
        if isinstance(got, bool) or not isinstance(got, _NUMBERS):
            raise Mismatch(f"the result should be a number, and it is {kind_of(got)}", got, expected)
        tolerance = {"rtol": 1e-6 if rtol is None else rtol, "atol": 1e-8 if atol is None else atol}
        if not np.isclose(got, expected, **tolerance, equal_nan=True):
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
    got_values, right = torch.as_tensor(got).detach(), torch.as_tensor(expected).detach()
    if got_values.numel() == 0:
        return
    if not right.is_floating_point():
        differ = got_values != right
    else:
        rtol, atol = tolerances(right.dtype, rtol, atol)
        got_values, right = got_values.double(), right.double()
        # Nearly every comparison finds all entries close and finite, which NumPy tells in a third of the time.
        a, b = got_values.numpy(), right.numpy()
        with np.errstate(invalid="ignore"):
            if (np.abs(a - b) <= atol + rtol * np.abs(b)).all() and np.isfinite(b).all():
                return
        differ = ~torch.isclose(got_values, right, rtol=rtol, atol=atol, equal_nan=True)
    if wrong := int(differ.sum()):
        share = wrong / differ.numel()
        some = f"{share:.0%} of the values differ" if share >= 0.005 else "a few values differ"
        raise Mismatch(some, got, expected, differ)


# Relative and absolute tolerance by dtype; float64's for any other. Wide enough that the order of a sum decides no
# grade, and far below the rounding of the next narrower dtype, so that no draw hides what passed through that.
TOLERANCES = {
    torch.float16: (1e-2, 1e-3),
    torch.bfloat16: (5e-2, 1e-2),
    torch.float32: (1e-4, 1e-5),
    torch.float64: (1e-9, 1e-11),
}


def tolerances(dtype: torch.dtype, rtol: float | None = None, atol: float | None = None) -> tuple[float, float]:
    """The relative and absolute tolerance for values of a dtype, where none is given."""
    default_rtol, default_atol = TOLERANCES.get(dtype, TOLERANCES[torch.float64])
    return default_rtol if rtol is None else rtol, default_atol if atol is None else atol


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
    if isinstance(value, StudentModule):
        return "a module"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def assert_untouched(function: StudentFunction, *args: Any, **kwargs: Any) -> None:
    """Call ``function`` and check that its tensor arguments are afterwards what they were before.

    Raises `Mismatch`, and `Failure` where it returned neither numbers nor a module: what computes nothing changes
    nothing.
    """
    kept = copies(args)
    after = function.echo(*args, **kwargs)
    leaves = [leaf for leaf in _leaves(after.value) if leaf is not None]
    if not leaves or not all(isinstance(leaf, _COMPUTED) or _is_module(leaf) for leaf in leaves):
        raise Failure(f"it returned {kind_of(after.value)}")
    for before, now in zip(kept, after.arguments, strict=True):
        if isinstance(before, torch.Tensor) and not torch.equal(before, now):
            raise Mismatch("an argument was changed in place", now, before)


def _is_module(value: Any) -> bool:
    """Whether it stands for a module, and not for another object that stayed in the student's process."""
    try:
        return isinstance(value, StudentModule) and bool(value.parameters())
    except TypeError:
        return False


def _leaves(value: Any) -> Iterator[Any]:
    """What lists, tuples and dicts are made of in the end."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
    else:
        yield value


def assert_refuses(function: StudentFunction, *args: Any, **kwargs: Any) -> str:
    """Check that a call raises a ``ValueError``, and return its message. Raises `Failure`."""
    try:
        got = function(*args, **kwargs)
    except ValueError as error:
        return str(error)
    raise Failure(f"it should raise ValueError, and it returned {kind_of(got)}")


def copies(args: tuple[Any, ...]) -> list[Any]:
    """Arguments that a call of the student's function cannot change."""
    return [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
