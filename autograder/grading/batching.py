"""Runs the tests of a suite side by side, so that the calls which they wait for cross the jail's wall together.

To take a call across the wall and its value back costs more than most calls do. A test that asks for one stands still,
the next test runs until it asks as well, and when all stand still their calls go in one frame: a batch. Each test is a
greenlet, a stack of its own in the same thread, so tests are written as if they ran alone. It saves about a sixth of
the time of grading.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from greenlet import getcurrent, greenlet

from autograder.course.verdict import Verdict
from autograder.grading.session import JailedStudent, Session
from autograder.jail.sandbox import SandboxDied
from autograder.measure.calls import Call, Mode, Outcome
from autograder.measure.work import matching
from autograder.suite.errors import RunSerially, StudentError
from autograder.suite.student import Timed

BATCH_BYTES = 4 << 20  # of the tensors that cross in one frame
Answer = Outcome | StudentError


class _Test(greenlet):
    """A test that is running. ``waited`` is how many seconds of its time were not its own."""

    waited = 0.0


class CallBatcher:
    """A `Runner` that has ``answer`` make the calls of each batch: one answer for each call, in their order.

    What ``answer`` raises ends the run.
    """

    def __init__(self, answer: Callable[[Sequence[Call]], Sequence[Answer]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[_Test, Call]] = []
        self._share = 0.0
        self._over = False

    def run(self, tests: Sequence[Callable[[], None]]) -> None:
        """Run all tests to their end, in batches."""
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
                    with contextlib.suppress(RunSerially):
                        test.throw(RunSerially)
            torch.set_grad_enabled(with_gradients)

    def _go_on(self, test: _Test, *answer: Answer) -> None:
        call = test.switch(*answer)
        if not test.dead:
            self._waiting.append((test, call))

    def ask(self, call: Call) -> Outcome:
        """Have a call made in the next batch. Only a running test may ask. Raises the call's `StudentError`."""
        test = getcurrent()
        if self._over:
            raise RunSerially
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
        """Seconds by a clock that stands still while the running test waits, but for its share of its batches."""
        return time.perf_counter() - getattr(getcurrent(), "waited", 0.0)


class BatchedStudent(JailedStudent):
    """The same for tests that run side by side: the calls that they wait for cross the wall in one frame.

    Calls that cross together can see each other's inputs. That tells them nothing of right values, but one could do
    another's forbidden work, so a batch in which anything forbidden happened counts for nothing. A measured call
    crosses alone. Whatever cannot be laid to one call ends the run, and the suite runs serially.
    """

    def __init__(self, session: Session, forbidden: tuple[str, ...], clocked: bool = False) -> None:
        super().__init__(session, forbidden, clocked)
        self.batcher = CallBatcher(self._answer)

    def _make(self, call: Call) -> Outcome:
        if not self.batcher.running():
            return super()._make(call)
        if call.mode is not Mode.WORK:
            return self.batcher.ask(call)
        try:
            return super()._make(call)
        except SandboxDied:
            raise self._give_up_batching() from None

    def _time(self, call: Call) -> Timed:
        try:
            return super()._time(call)
        except SandboxDied:
            raise self._give_up_batching() from None

    def _give_up_batching(self) -> RunSerially:
        # What ends one batch may well end the next, and each may take as long as a call may.
        self._session.batched = False
        return RunSerially()

    def _answer(self, calls: Sequence[Call]) -> list[Outcome | StudentError]:
        answers: list[Outcome | StudentError] = []
        for portion in _portions(calls):
            try:
                outcomes, operators = self._session.sandbox().calls(portion)
            except SandboxDied:
                raise self._give_up_batching() from None
            if matching(operators, self._forbidden):
                raise RunSerially
            answers += outcomes
        if any(isinstance(each, StudentError) and each.verdict is Verdict.MEMORY for each in answers):
            raise RunSerially  # each call may have what all of them together may not
        return [
            self._explained(call, answer) if isinstance(answer, StudentError) else answer
            for call, answer in zip(calls, answers, strict=True)
        ]


def _portions(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """The calls in their order, in portions whose tensors are no more than `BATCH_BYTES` together."""
    portion: list[Call] = []
    size = 0
    for call in calls:
        own = sum(a.nbytes for a in (*call.args, *call.kwargs.values()) if isinstance(a, torch.Tensor))
        if portion and size + own > BATCH_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(call)
        size += own
    yield portion
