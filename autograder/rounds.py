"""Runs the tests of a suite side by side, so that the calls which they wait for cross the jail's wall together.

To take a call across the wall and its value back costs more than most calls do. A test that asks for one stands still,
the next test runs until it asks as well, and when all stand still their calls go in one frame: a round. Each test is a
greenlet, a stack of its own in the same thread, so tests are written as if they ran alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import torch
from greenlet import getcurrent, greenlet

from autograder.calls import Call, Outcome
from autograder.dialect import Abandoned, StudentError

Answer = Outcome | StudentError


class _Test(greenlet):
    """A test that is running. ``waited`` is how many seconds of its time were not its own."""

    waited = 0.0


class Rounds:
    """A `Runner` that has ``answer`` make the calls of each round: one answer for each call, in their order.

    What ``answer`` raises ends the run.
    """

    def __init__(self, answer: Callable[[Sequence[Call]], Sequence[Answer]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[_Test, Call]] = []
        self._share = 0.0
        self._over = False

    def run(self, tests: Sequence[Callable[[], None]]) -> None:
        """Run all tests to their end, in rounds."""
        hub, with_gradients = getcurrent(), torch.is_grad_enabled()
        running = [_Test(test, hub) for test in tests]
        try:
            for test in running:
                torch.set_grad_enabled(with_gradients)  # another may have stopped where it is switched off
                self._go_on(test)
            while self._waiting:
                asked, self._waiting = self._waiting, []
                started = time.perf_counter()
                answers = self._answer([call for _, call in asked])
                self._share = (time.perf_counter() - started) / len(asked)
                for (test, _), answer in zip(asked, answers, strict=True):
                    self._go_on(test, answer)
        finally:
            self._over = True
            for test in running:
                if not test.dead:
                    with contextlib.suppress(Abandoned):
                        test.throw(Abandoned)
            torch.set_grad_enabled(with_gradients)

    def _go_on(self, test: _Test, *answer: Answer) -> None:
        call = test.switch(*answer)
        if not test.dead:
            self._waiting.append((test, call))

    def ask(self, call: Call) -> Outcome:
        """Have a call made in the next round. Only a running test may ask. Raises the call's `StudentError`."""
        test = getcurrent()
        if self._over:
            raise Abandoned
        with_gradients, left = torch.is_grad_enabled(), time.perf_counter()
        answer = test.parent.switch(call)
        torch.set_grad_enabled(with_gradients)
        test.waited += time.perf_counter() - left - self._share
        if isinstance(answer, StudentError):
            raise answer
        return answer

    def running(self) -> bool:
        """Whether it is one of the tests that asks."""
        return isinstance(getcurrent(), _Test)

    def clock(self) -> float:
        """Seconds by a clock that stands still while the running test waits, but for its share of its rounds."""
        return time.perf_counter() - getattr(getcurrent(), "waited", 0.0)
