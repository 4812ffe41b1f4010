"""How a value differs from the expected one: in words, at the first place, and as a slice that can be drawn."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from autograder.check.pictures import worst_slice
from autograder.check.result import Evidence
from autograder.suite.assertions import kind_of, tolerances

_NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def explain(got: Any, expected: Any, differ: torch.Tensor | None = None) -> Evidence:
    """How ``got`` differs from ``expected``; ``differ`` marks the entries outside the test's tolerance."""
    given, right = _array(got), _array(expected)
    if right is None or given is None or type(got) is not type(expected):
        return _of_values(got, expected)
    if given.shape != right.shape:
        return Evidence(
            (_shape_words(given.shape, right.shape),),
            expected=f"shape {_shape(right.shape)}",
            got=f"shape {_shape(given.shape)}",
            clue=_shape_clue(tuple(given.shape), tuple(right.shape)),
        )
    facts = []
    if got.dtype != expected.dtype:
        facts.append(f"The dtype should be {_dtype(expected)}, and it is {_dtype(got)}.")
    a, b = _real(given), _real(right)
    wrong = ~np.isclose(a, b, *tolerances(right.dtype), equal_nan=True) if differ is None else _real(differ) != 0
    if not wrong.any():
        facts.append("Apart from that the values are right." if facts else "The values are equal in float64.")
        return Evidence(tuple(facts), expected=_dtype(expected), got=_dtype(got))
    count, total = int(wrong.sum()), wrong.size
    facts.append(
        f"All {total:,} values differ."
        if count == total > 1
        else f"{count:,} of {total:,} values {'differs' if count == 1 else 'differ'}."
        if total > 1
        else "The value differs."
    )
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Evidence(
        tuple(facts),
        expected=_entry(right[first]),
        got=_entry(given[first]),
        index=first if wrong.ndim else None,
        clue=_yes_or_no(a, b, wrong) if right.dtype == torch.bool else _clue(a, b, wrong),
        slice=worst_slice(a, b, wrong) if wrong.ndim else None,
    )


def shown(value: Any, limit: int = 200) -> str:
    """A short ``repr`` of whatever value, also of one whose ``__repr__`` fails."""
    try:
        array = _array(value)
        if array is not None and array.numel() > 12:
            kind = "tensor" if isinstance(value, torch.Tensor) else "array"
            return f"{kind} of shape {_shape(array.shape)} and dtype {_dtype(value)}"
        shortener = reprlib.Repr()
        shortener.maxstring = shortener.maxother = limit
        shortener.maxlist = shortener.maxtuple = shortener.maxdict = 12
        return shortener.repr(value)
    except Exception as error:
        return f"an object of type {type(value).__name__}, whose repr raises {type(error).__name__}"


def shown_call(function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """A call as one would write it, with arrays as their dtypes and shapes: ``f(float32 (2, 3), stride=2)``."""

    def argument(value: Any) -> str:
        array = _array(value)
        if array is not None:
            return f"{_dtype(value)} {_shape(array.shape)}"
        if type(value) is tuple and 0 < len(value) <= 12 and any(_array(part) is not None for part in value):
            return f"({', '.join(map(argument, value))}{',' if len(value) == 1 else ''})"
        return shown(value, 60)

    given = [*map(argument, args), *(f"{name}={argument(value)}" for name, value in kwargs.items())]
    return f"{function}({', '.join(given)})"


# --- values that are no arrays, shapes, dtypes ---------------------------------------------------------------------


def _array(value: Any) -> torch.Tensor | None:
    try:
        if isinstance(value, torch.Tensor):
            return value.detach().cpu()
        if isinstance(value, np.ndarray | np.generic):
            return torch.as_tensor(np.asarray(value))
    except Exception:
        return None  # dtype that PyTorch has no word for: it is shown by its repr
    return None


def _real(array: torch.Tensor) -> np.ndarray:
    return (array.abs() if array.is_complex() else array).to(torch.float64).numpy()


def _of_values(got: Any, expected: Any) -> Evidence:
    facts = []
    if type(got) is not type(expected):
        facts.append(f"It should return {kind_of(expected)}, and it returned {kind_of(got)}.")
    clue = ""
    if got is None:
        clue = "A function without a `return` on the path that was taken returns None."
    elif isinstance(got, np.generic | torch.Tensor) and isinstance(expected, bool | int | float):
        clue = "A tensor or array of one entry becomes a number by `.item()`."
    elif isinstance(expected, int) and isinstance(got, float) and got == expected:
        clue = "The value is right: `//` divides to an int, and `/` to a float."
    elif _is_number(got) and _is_number(expected) and not math.isnan(got) and got != expected:
        difference = got - expected
        if abs(difference) == 1 and isinstance(expected, int):
            clue = "It is off by one."
        elif got and got == -expected:
            clue = "It has the other sign."
    return Evidence(tuple(facts), expected=shown(expected), got=shown(got), clue=clue)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _entry(value: torch.Tensor) -> str:
    number = value.item()
    if isinstance(number, float):
        return f"{number:.6g}"
    return str(number)


def _shape_words(got: Sequence[int], expected: Sequence[int]) -> str:
    if len(got) != len(expected):
        return f"The shape should have {_axes(len(expected))}, and it has {_axes(len(got))}."
    wrong = [axis for axis, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b]
    return " ".join(f"Axis {axis} should be {expected[axis]} long, and it is {got[axis]}." for axis in wrong)


def _axes(count: int) -> str:
    word = _NUMBER_WORDS[count] if count < len(_NUMBER_WORDS) else str(count)
    return f"{word} axis" if count == 1 else f"{word} axes"


def _shape_clue(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if tuple(n for n in got if n != 1) == tuple(n for n in expected if n != 1):
        return (
            "Only axes of length 1 are too many or missing: `squeeze`, `unsqueeze` and `keepdim` add and remove them."
        )
    if got[::-1] == expected or sorted(got) == sorted(expected):
        return "The sizes are right and stand in another order: look at the `permute`, `transpose` or `reshape`."
    if len(got) == len(expected) and math.prod(got) == math.prod(expected):
        return "There are as many values as there should be, arranged otherwise: look at the last `reshape`."
    if len(got) == len(expected) > 1 and got[:-2] == expected[:-2]:
        rows, columns = got[-2] - expected[-2], got[-1] - expected[-1]
        if rows == columns:
            many = "many" if rows > 0 else "few"
            return f"Rows and columns are both {abs(rows)} too {many}: look at padding or how a division rounds."
        if 0 in (rows, columns):
            right, wrong = ("rows", "columns") if rows == 0 else ("columns", "rows")
            return (
                f"The number of {right} is right and that of {wrong} is not: "
                "is each axis given its own size, stride and padding?"
            )
    return ""


# --- clues ---------------------------------------------------------------------------------------------------------


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.size > 0 and bool(np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True))


def _clue(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """What the pattern of a difference points to; the first that fits, from the most to the least telling."""
    if not np.isfinite(got).all() and np.isfinite(expected).all():
        nan = np.isnan(got)
        kind, count = ("NaN", int(nan.sum())) if nan.any() else ("infinite", int(np.isinf(got).sum()))
        some = f"{count:,} of your values {'is' if count == 1 else 'are'} {kind}"
        return f"{some}: look for a division by zero, `log(0)`, or `exp` of a large number."
    if got.size < 4 or not np.isfinite(expected).all():
        return ""
    if not np.ptp(got) and np.ptp(expected):
        return f"All of your values are {got.flat[0]:.6g}."
    scale, off = np.abs(expected).max(), np.abs(got - expected).max()
    if off >= 1e-4 * scale:  # to the tolerance of the guesses, values that are closer have every pattern
        for guess in (_scaled, _moved, _located):
            if clue := guess(got, expected, wrong):
                return clue
    if off < 1e-2 * scale:
        return (
            f"The values are close (within {off / scale:.1g} of the largest): "
            "look for a lower precision, or an ε that is missing or too many."
        )
    if _close(np.sort(got, axis=None), np.sort(expected, axis=None)):
        return "The values are all there, but in other places: look for swapped axes, a flip, or an early `reshape`."
    return ""


def _yes_or_no(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """The same for True and False: so few values look turned or moved by chance."""
    if wrong.all() and wrong.size > 1:
        return "Every True should be False, and every False True."
    if got.size < 4:
        return ""
    if not np.ptp(got) and np.ptp(expected):
        return f"All of your values are {bool(got.flat[0])}."
    return _located(got, expected, wrong)


def _scaled(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    if _close(got, -expected):
        return "The values are right but for their sign."
    norm = float((expected * expected).sum())
    factor = float((got * expected).sum()) / norm if norm else 0.0
    if factor and np.ptp(expected) and _close(got / factor, expected):
        inverse = 1 / factor
        near = round(inverse) if abs(inverse) > 1.5 and abs(inverse - round(inverse)) < 1e-4 else None
        times = f"1/{near}" if near else f"{factor:.4g}"
        return f"Every value is {times} times the expected one: look for a division or a factor too much or too few."
    shift = got - expected
    if _close(shift, np.full_like(shift, shift.flat[0])):
        return f"Every value is {abs(shift.flat[0]):.4g} too {'large' if shift.flat[0] > 0 else 'small'}."
    if got.ndim >= 3 and got.size > got.shape[1]:
        means = shift.mean(axis=(0, *range(2, got.ndim)), keepdims=True)
        if _close(shift, np.broadcast_to(means, shift.shape)):
            return "In each channel all values are off by one number: look at what is added per channel, as a bias is."
    return ""


def _moved(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    if got.ndim < 2:
        if got.ndim == 1 and _close(got, expected[::-1]):
            return "The values are right, in reverse order."
        return ""
    for turned, words in (
        (expected[..., ::-1, ::-1], "turned by half a turn"),
        (expected[..., ::-1, :], "upside down"),
        (expected[..., :, ::-1], "mirrored left to right"),
        (np.swapaxes(expected, -1, -2), "transposed: rows and columns are swapped"),
    ):
        if _close(got, turned):
            return f"The values are right, but {words}."
    if got.ndim >= 2 and got.shape[0] == got.shape[1] > 1 and _close(got, np.swapaxes(expected, 0, 1)):
        return "The values are right, but the first two axes are swapped."
    if got.ndim == 2:
        return ""
    height, width = got.shape[-2:]
    for down, right in sorted(
        ((d, r) for d in range(-2, 3) for r in range(-2, 3)), key=lambda s: abs(s[0]) + abs(s[1])
    ):
        if (down, right) == (0, 0) or abs(down) >= height - 1 or abs(right) >= width - 1:
            continue
        here = got[..., max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        there = expected[..., max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
        if np.ptp(there) and _close(here, there):
            steps = [
                f"{abs(n)} {unit}{'s' if abs(n) > 1 else ''} {way}"
                for n, unit, way in (
                    (down, "row", "down" if down > 0 else "up"),
                    (right, "column", "to the right" if right > 0 else "to the left"),
                )
                if n
            ]
            return (
                f"The picture is right but moved {' and '.join(steps)}: look at the padding or where the window starts."
            )
    return ""


def _located(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    if wrong.all():
        return ""
    if wrong.ndim >= 3 and min(wrong.shape[-2:]) >= 3:  # a table of two axes, as of classes, has no edges
        plane = wrong.any(axis=tuple(range(wrong.ndim - 2)))
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        height, width = plane.shape
        for where, last, name in ((rows, height, "row"), (columns, width, "column")):
            if len(where) == 1 and where[0] in (0, last - 1) and last > 2:
                end = "first" if where[0] == 0 else "last"
                return f"Only the {end} {name} differs; all others are right: look at what happens at that edge."
        for ring in range(1, (min(height, width) - 1) // 2 + 1):
            inside = plane[ring:-ring, ring:-ring]
            if inside.size >= 4 and not inside.any() and 2 * plane.sum() >= plane.size - inside.size:
                edge = "outermost row and column on each side" if ring == 1 else f"outermost {ring} rows and columns"
                return f"The inside is right and the border is not (the {edge}): look at the padding."
    for axis in range(wrong.ndim):
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        bad = wrong.any(axis=others)
        if bad.sum() == 1 and len(bad) > 1:
            return f"All that differs has index {int(bad.argmax())} on axis {axis}; the others are right."
        if axis < max(1, wrong.ndim - 2) and len(bad) > 1 and not bad[0] and bad[1:].all():
            question = "is the first one used for all?" if wrong.ndim > 2 else "what do they need that it does not?"
            return f"What has index 0 on axis {axis} is right, and all others are not: {question}"
        if len(bad) > 4 and bad[::2].all() != bad[1::2].all() and bad[::2].any() != bad[1::2].any():
            return f"On axis {axis} every second index is right: look at stride and dilation, and for a flip."
    return ""
