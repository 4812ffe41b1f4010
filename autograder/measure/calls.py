"""Makes one call of a student's function and looks at it as a test asked: its value, its arguments, gradients or work.

A notebook's own check calls it directly, and the process of a sandbox on a test's behalf.
"""

import linecache
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import torch

from autograder.measure import modules
from autograder.measure.operators import used_operators
from autograder.measure.work import Work, measure


class Mode(StrEnum):
    """What a test wants to know of a call."""

    VALUE = "value"
    ECHO = "echo"
    GRADIENTS = "gradients"
    WORK = "work"
    TIMED = "timed"
    # Of a module that a student built:
    PARAMETERS = "parameters"
    BUFFERS = "buffers"
    LOAD = "load"
    TRAINING = "training"
    PARAMETER_GRADIENTS = "parameter gradients"


@dataclass(frozen=True)
class Call:
    """One call that a test asks for: of a function by name, or of a value that stayed in the jail, by its stand-in.

    ``forbidden`` are patterns of operators whose use is to be noted.
    """

    function: str | Any
    mode: Mode
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    upstream: torch.Tensor | None = None
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one call gave. ``value`` is the gradients in that mode; ``arguments`` are the positional ones, after it.

    ``operators`` are those that it used, with their counts: all in a measurement, else the forbidden.
    """

    value: Any = None
    arguments: tuple[Any, ...] = ()
    operators: dict[str, int] = field(default_factory=dict)
    work: Work | None = None


def perform(
    function: Callable[..., Any],
    mode: Mode,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    upstream: torch.Tensor | None = None,
    forbidden: tuple[str, ...] = (),
    noted: Counter[str] | None = None,
    pack: Callable[[Any], Any] = lambda value: value,
) -> Outcome:
    """Call ``function(*args, **kwargs)`` in one of the `Mode`s; what it raises is passed on.

    ``noted`` is given the counts of the outcome's operators, also of a call that raises. What ``pack`` makes of the
    value of a measured call takes its place in the outcome, and is part of the call's work.
    """
    if mode is Mode.WORK:
        value = None

        def call() -> None:
            nonlocal value
            value = function(*args, **kwargs)

        def packed() -> None:
            nonlocal value
            value = pack(value)

        done = measure(call, noted, packed)
        return Outcome(value, operators=done.operators, work=done)
    if mode is Mode.TIMED:
        return Outcome(function(*args, **kwargs))
    if mode is Mode.GRADIENTS:
        return vector_jacobian(function, args, kwargs, upstream, forbidden, noted)
    if mode is Mode.PARAMETER_GRADIENTS:
        learned = modules.learned(function)
        done = vector_jacobian(function, args, kwargs, upstream, forbidden, noted, list(learned.values()))
        return replace(done, value=dict(zip(learned, done.value, strict=True)))
    if mode in _ASKED_OF_MODULES:
        return Outcome(_ASKED_OF_MODULES[mode](function, *args))
    value, used = used_operators(lambda: function(*args, **kwargs), forbidden, noted)
    return Outcome(value=value, operators=used, arguments=tuple(args) if mode is Mode.ECHO else ())


_ASKED_OF_MODULES: Mapping[Mode, Callable[..., Any]] = {
    Mode.PARAMETERS: modules.parameters,
    Mode.BUFFERS: modules.buffers,
    Mode.LOAD: modules.load,
    Mode.TRAINING: modules.set_training,
}


def vector_jacobian(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    upstream: torch.Tensor,
    forbidden: tuple[str, ...] = (),
    noted: Counter[str] | None = None,
    leaves: Sequence[torch.Tensor] | None = None,
) -> Outcome:
    """Gradients of ``(function(*args) * upstream).sum()`` for each floating-point tensor among ``args``, by autograd.

    With ``leaves`` they are for these instead. The value is one tensor each, or None where the result does not depend
    on it; the operators are those of the call alone, not of the way back.
    """
    if leaves is None:
        args = [
            a.detach().clone().requires_grad_() if isinstance(a, torch.Tensor) and a.is_floating_point() else a
            for a in args
        ]
        leaves = [a for a in args if isinstance(a, torch.Tensor) and a.requires_grad]
    out, used = used_operators(lambda: function(*args, **kwargs), forbidden, noted)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]  # a student may have frozen a parameter
    if not isinstance(out, torch.Tensor) or not out.requires_grad or (leaves and not wanted):
        return Outcome(tuple(None for _ in leaves), operators=used)
    found = iter(torch.autograd.grad((out * upstream).sum(), wanted, allow_unused=True))
    return Outcome(tuple(next(found) if leaf.requires_grad else None for leaf in leaves), operators=used)


def describe(error: BaseException) -> tuple[str, str, str]:
    """The type of an error, its message, and the notebook's line that raised it, as words.

    An error of a class of the student's own goes by the built-in one that it is a kind of.
    """
    try:
        message = str(error).encode("utf-8", "replace").decode()
    except BaseException:  # an error class of the student's own may do anything when it is printed
        message = ""
    where, function = _innermost(error)
    if isinstance(error, NotImplementedError) and not message and function:
        # A solution may call another exercise's function; without the name the message would blame the wrong one.
        message = f"{function} is not written yet"
    own = type(error).__name__
    kind = next(base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins")
    if kind in (own, "Exception", "BaseException"):
        return own, message, where
    return kind, f"{own}: {message}" if message else own, where


def _innermost(error: BaseException) -> tuple[str, str]:
    """The innermost line of notebook code that ``error`` passed through, as words, and the function that it is in."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        code = frame.f_code
        # IPython keeps a cell's code under a path of its own or a name in angle brackets; neither is in a library.
        if "ipykernel_" in code.co_filename or code.co_filename.startswith(("<ipython", "<cell")):
            line, text = f"line {number} of the cell", linecache.getline(code.co_filename, number).strip()
            function = "" if code.co_name.startswith("<") else code.co_qualname
            return (f"{line}: {text}" if text else line), function
    return "", ""
