"""The ``student`` of a check: a notebook's functions, each call of which is clocked and noted."""

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from autograder.check.clock import Clock
from autograder.measure.calls import Mode, Outcome
from autograder.suite.student import LocalFunction, LocalStudent


@dataclass
class SeenCall:
    """One call that a test made, in the ``line`` of its suite; ``value`` is what it returned, if it ``returned``."""

    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    line: int
    measured: bool
    returned: bool = False
    value: Any = None


class CheckedStudent(LocalStudent):
    """The functions of a notebook, by name, whose calls are clocked and of which the last of each test is kept."""

    def __init__(self, namespace: Mapping[str, Any], forbidden: Sequence[str], suite: Path, clock: Clock) -> None:
        super().__init__(namespace, forbidden)
        self._suite, self._clock = str(suite), clock
        self._calls: dict[FrameType, SeenCall] = {}

    def __getattr__(self, name: str) -> "CheckedFunction":
        local = super().__getattr__(name)
        return CheckedFunction(local, self._clock, self._noted)

    def last_call(self, error: BaseException | None) -> SeenCall | None:
        """The last call of the test that ended with ``error``."""
        at = error.__traceback__ if error is not None else None
        return next((self._calls[f] for f, _ in traceback.walk_tb(at) if f in self._calls), None)

    def _noted(self, function: str, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SeenCall:
        # The frame of the test itself, which is the same in the traceback of its error.
        frame, test = sys._getframe(), None
        while frame is not None:
            test = frame if frame.f_code.co_filename == self._suite else test
            frame = frame.f_back
        call = SeenCall(function, args, kwargs, test.f_lineno if test else 0, mode is Mode.WORK)
        if test is not None:
            self._calls[test] = call
        return call


# What a test asks of a module beside calling it, as one would write it.
_METHODS = {
    Mode.PARAMETERS: ".parameters",
    Mode.BUFFERS: ".buffers",
    Mode.LOAD: ".load",
    Mode.TRAINING: ".train",
}


class CheckedFunction(LocalFunction):
    """A function of the notebook's, each call of which is noted and clocked."""

    def __init__(self, local: LocalFunction, clock: Clock, note: Callable[..., SeenCall]) -> None:
        super().__init__(local.name, local.function, local.forbidden)
        self._clock, self._note = clock, note

    def like(self, module: torch.nn.Module) -> "CheckedFunction":
        return CheckedFunction(super().like(module), self._clock, self._note)

    def perform(self, mode: Mode, args: tuple[Any, ...], kwargs: dict[str, Any], upstream: Any = None) -> Outcome:
        call = self._note(self.name + _METHODS.get(mode, ""), mode, args, kwargs)
        with self._clock.call(self.name):
            outcome = super().perform(mode, args, kwargs, upstream)
        call.returned, call.value = True, outcome.value
        return outcome
