"""The ``student`` of a test: the student's functions, by name, and what may be asked of one call.

A suite cannot tell where the functions live: in the notebook they are the notebook's own (`LocalStudent`), in the
grader each is a stand-in whose calls cross the jail's wall. Both are made of `StudentFunction`. A module that one of
them returns stays where it was built, and the test holds a `StudentModule`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
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

    def module(self, value: Any) -> "StudentModule | None":
        """What stands in for ``value``, which a call of this function returned, if that is a module."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of one call."""
        return self._ask(Mode.VALUE, args, kwargs).value

    def echo(self, *args: Any, **kwargs: Any) -> Echo:
        """One call's value, and its positional arguments as they are afterwards."""
        outcome = self._ask(Mode.ECHO, args, kwargs)
        return Echo(outcome.value, outcome.arguments)

    def gradients(self, *args: Any, upstream: torch.Tensor, **kwargs: Any) -> tuple[torch.Tensor | None, ...]:
        """Gradients of ``(f(*args) * upstream).sum()`` for each floating-point tensor among ``args``, by autograd."""
        return self._ask(Mode.GRADIENTS, args, kwargs, upstream).value

    def work(self, *args: Any, **kwargs: Any) -> Work:
        """The work of one call."""
        return self.measured(*args, **kwargs).work

    def measured(self, *args: Any, **kwargs: Any) -> Outcome:
        """One call's work together with its value."""
        return self._ask(Mode.WORK, args, kwargs)

    def beside_reference(self, *args: Any, **kwargs: Any) -> Timed | None:
        """One call beside the same call of the author's solution, both clocked from outside; None where nobody asks.

        The grader asks where the code that ran is not plain, so that its counts are not to be trusted.
        """
        return None

    @property
    def is_clocked(self) -> bool:
        """Whether `beside_reference` gives times."""
        return False

    def _ask(
        self, mode: Mode, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, upstream: Any = None
    ) -> Outcome:
        given = {name: _held(value) for name, value in (kwargs or {}).items()}
        outcome = self.perform(mode, tuple(map(_held, args)), given, upstream)
        answered.set(True)
        if used := matching(outcome.operators, self.forbidden):
            raise Forbidden(used)
        return replace(
            outcome, value=self._with_modules(outcome.value), arguments=self._with_modules(outcome.arguments)
        )

    def _with_modules(self, value: Any) -> Any:
        """``value``, in which a `StudentModule` stands for each module."""
        if type(value) in (list, tuple):
            return type(value)(map(self._with_modules, value))
        if type(value) is dict:
            return {key: self._with_modules(item) for key, item in value.items()}
        if value is None or isinstance(value, _PLAIN):
            return value
        module = self.module(value)
        return value if module is None else module


_PLAIN = (torch.Tensor, np.ndarray, np.generic, bool, int, float, str)


class StudentModule(StudentFunction):
    """A `torch.nn.Module` that a student's function returned. It stays where it was built, and is asked from here.

    ``call`` makes calls of it, and ``held`` is what stands for it among the arguments of such a call. It can be called
    and given to the student's functions as the module itself can. All methods raise what `StudentFunction`'s do, and
    the student's ``TypeError`` where it is no module.
    """

    def __init__(self, call: StudentFunction, held: Any) -> None:
        super().__init__(call.name, call.forbidden)
        self._call, self.held = call, held

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        return self._call.perform(mode, args, kwargs, upstream)

    def module(self, value: Any) -> "StudentModule | None":
        return self._call.module(value)

    def parameters(self) -> dict[str, torch.Tensor]:
        """The values of its parameters by name, in its order."""
        return self._ask(Mode.PARAMETERS).value

    def buffers(self) -> dict[str, torch.Tensor]:
        """The values of its buffers by name, such as the running statistics of batch normalisation."""
        return self._ask(Mode.BUFFERS).value

    def load(self, values: Mapping[str, torch.Tensor]) -> None:
        """Copy values into its parameters and buffers of these names. Raises the student's ``ValueError``."""
        self._ask(Mode.LOAD, (dict(values),))

    def train(self, training: bool = True) -> None:
        """Put it into training, or into evaluation."""
        self._ask(Mode.TRAINING, (training,))

    def eval(self) -> None:
        """Put it into evaluation."""
        self.train(False)

    def parameter_gradients(self, *args: Any, upstream: torch.Tensor, **kwargs: Any) -> dict[str, torch.Tensor | None]:
        """Gradients of ``(module(*args) * upstream).sum()`` by parameter; None where nothing depends on it."""
        return self._ask(Mode.PARAMETER_GRADIENTS, args, kwargs, upstream).value

    def __repr__(self) -> str:
        return f"<a module of type {self.name}>"


def _held(argument: Any) -> Any:
    return argument.held if isinstance(argument, StudentModule) else argument


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

    def module(self, value: Any) -> StudentModule | None:
        return StudentModule(self.like(value), value) if isinstance(value, torch.nn.Module) else None

    def like(self, module: torch.nn.Module) -> "LocalFunction":
        """Calls a module that this function returned, as this function is called."""
        return LocalFunction(f"{type(module).__name__}(…)", module, self.forbidden)


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
