"""Clocks the calls of a check and stops one that takes too long, as the grader would (`jail.sandbox`).

The code runs in the notebook's own process, so that only Python's own steps can be interrupted: an operator that
computes for an hour is stopped when it is done.
"""

import _thread
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from autograder.course.verdict import Verdict
from autograder.suite.errors import StudentError

TICK = 0.05  # seconds between two looks at a busy call
WALL_CLOCK_FACTOR = 4  # the grader's
TOO_LONG_CALLS = 2  # after so many the rest is not tried, as in grading
CHECK_SECONDS = 60.0  # the calls of one exercise together


class TooLong(StudentError):
    """A call of ``function`` that took ``seconds``, longer than ``allowed``.

    ``overall`` says that all calls of the check together took too long, ``tried`` whether this one was made at all, and
    ``in_one_step`` that it went on long after it was to stop, as an operator of PyTorch does until it is done.
    """

    def __init__(
        self,
        function: str,
        allowed: float,
        seconds: float = 0.0,
        overall: bool = False,
        tried: bool = True,
        in_one_step: bool = False,
    ) -> None:
        super().__init__("TimeoutError", f"it took longer than {allowed:g} s", verdict=Verdict.TIMEOUT)
        self.function, self.allowed, self.seconds = function, allowed, seconds
        self.overall, self.tried, self.in_one_step = overall, tried, in_one_step

    @property
    def detail(self) -> str:
        """What happened, in words."""
        return self.message


class _Stop(BaseException):
    """Ends a call from inside. A `BaseException`, so that ``except Exception`` of the student's does not catch it."""


class Clock:
    """Clocks the calls of one check, and stops one that takes too long. Used as a context around the check.

    Outside of the main thread nothing can be interrupted; what took too long is then told when it is done.
    """

    def __init__(self, call_seconds: float, all_seconds: float = CHECK_SECONDS) -> None:
        self._allowed, self._overall, self._left = call_seconds, all_seconds, all_seconds
        self._too_long: list[TooLong] = []
        self._call: _Call | None = None
        self._sent = False
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="clock of a check", daemon=True)
        self._handler_before: Any = None

    def __enter__(self) -> "Clock":
        if threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGINT, self._interrupted)
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._handler_before is not None:
            self._watcher.join()  # so that what it sends does not meet another's handler
            signal.signal(signal.SIGINT, self._handler_before)

    @contextlib.contextmanager
    def call(self, function: str) -> Iterator[None]:
        """Around one call of ``function``. Raises `TooLong`, also at once when too much was too long before."""
        if self._too_long and (len(self._too_long) >= TOO_LONG_CALLS or self._left <= 0):
            last = self._too_long[-1]
            raise TooLong(function, last.allowed, tried=False)
        call = _Call(self._left)
        stopped = None
        self._call = call
        try:
            yield
        except _Stop as stop:
            stopped = stop
        finally:
            self._call = None
            self._left -= call.seconds
        if stopped is not None or call.told_to_stop or self._is_over(call):
            seconds, overall = call.seconds, self._left <= 0
            allowed = self._overall if overall else self._allowed
            one_step = bool(call.told_to_stop) and seconds - call.told_to_stop > 1
            self._too_long.append(TooLong(function, allowed, seconds, overall, in_one_step=one_step))
            raise self._too_long[-1] from stopped

    def _is_over(self, call: "_Call") -> bool:
        seconds = call.seconds
        worked = seconds > self._allowed and call.worked() > self._allowed
        return worked or seconds > self._allowed * WALL_CLOCK_FACTOR or seconds > call.left

    def _watch(self) -> None:
        main = threading.main_thread().ident
        while not self._done.wait(TICK):
            call = self._call
            if call is None:
                continue
            call.worked()
            if call.told_to_stop or self._is_over(call):
                call.told_to_stop = call.told_to_stop or call.seconds
                self._sent = True
                if hasattr(signal, "pthread_kill"):  # ends a `sleep` as well, which the other way does not
                    signal.pthread_kill(main, signal.SIGINT)
                else:
                    _thread.interrupt_main()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if not self._sent:
            raise KeyboardInterrupt
        self._sent = False
        # Not in the harness's own code, which would leave things half done; the next look is a moment later.
        ours = frame is not None and frame.f_globals.get("__name__", "").startswith("autograder.")
        if self._call is not None and self._call.told_to_stop and not ours:
            raise _Stop


class _Call:
    """A call that is being made. ``left`` is how many seconds of the whole check are left for it.

    ``told_to_stop`` is after how many seconds it was told to stop; 0 as long as it was not.
    """

    def __init__(self, left: float) -> None:
        self.left, self.told_to_stop = left, 0.0
        self.started = time.monotonic()
        self._used_before: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def worked(self) -> float:
        """Seconds of processor time since it began, at most."""
        used = time.process_time()
        if self._used_before is None:  # found out at the first look only: it takes longer than many a call
            self._used_before = used - self.seconds
        return used - self._used_before
