"""The ``student`` of a test: the student's functions, by name, and what may be asked of one call.

A suite cannot tell where the functions live: in the notebook they are the notebook's own (`LocalStudent`), in the
grader each is a stand-in whose calls cross the jail's wall. Both are made of `StudentFunction`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch

from autograder.measure import calls
from autograder.measure.calls import Mode, Outcome
from autograder.measure.work import Work, matching
from autograder.suite.errors import Forbidden, student_error

# Whether the student's code has returned anything to the running test, which may then stumble over what it got.
answered: ContextVar[bool] = ContextVar("answered", default=False)


class Echo(NamedTuple):
    """A call's value together with its arguments as the call left them."""

    value: Any
    arguments: tuple[Any, ...]


class Timed(NamedTuple):
    """A call's value, and seconds of processor time: those that it took, those that the author's solution took, and
    those that a request took in which nothing was called.
    """

    value: Any
    seconds: float
    reference: float
    crossing: float


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

    def work(self, *args: Any, **kwargs: Any) -> Work:
        """The work of one call."""
        return self.measured(*args, **kwargs).work

    def measured(self, *args: Any, **kwargs: Any) -> Outcome:
        """One call's work together with its value."""
        return self._checked(self.perform(Mode.WORK, args, kwargs))

    def beside_reference(self, *args: Any, **kwargs: Any) -> Timed | None:
        """One call beside the same call of the author's solution, both clocked from outside; None where nobody asks.

        The grader asks where the code that ran is not plain, so that its counts are not to be trusted.
        """
        return None

    @property
    def is_clocked(self) -> bool:
        """Whether `beside_reference` gives times."""
        return False

    def _checked(self, outcome: Outcome) -> Outcome:
        answered.set(True)
        if used := matching(outcome.operators, self.forbidden):
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
