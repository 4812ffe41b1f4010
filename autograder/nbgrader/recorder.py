"""Records reports in a process of its own while others are still being graded, so that neither waits for the other.

The process is the only one of a run that imports nbgrader, which takes seconds, and the only one that writes the
gradebook. It is told students' names alone, and takes their latest reports from the store.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from autograder import fleet
from autograder.assignment import Assignment, AssignmentError, load
from autograder.report import Report
from autograder.store import Store

BATCH = 10  # students; what nbgrader does once for each batch takes a fifth of what it does for each of them
STARTS = 3


class _Ready:
    """The gradebook knows the assignment."""


@dataclass(frozen=True)
class _At:
    """The process has come to a student, for the first or the second time."""

    student: str


@dataclass(frozen=True)
class _Expect:
    """How many times it will have come to a student when all is done."""

    visits: int


@dataclass(frozen=True)
class _Done:
    """All is done, but for the students that nbgrader would not record, with its words."""

    failed: dict[str, str]


@dataclass(frozen=True)
class _Refused:
    """Nothing can be recorded."""

    why: str


class Recorder:
    """Records the latest reports of one assignment's students, as they are added.

    Use it as a context manager; leaving it before `finish` drops what is not recorded yet. When its process is killed,
    another begins again, which changes nothing of what the first has done.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._added: list[str] = []
        self._starts = 0
        self._why: AssignmentError | None = None

    def __enter__(self) -> Recorder:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        # Not from the fork server: that one imports PyTorch first, which nothing here needs.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._assignment.root, self._assignment.name)
        self._process = context.Process(target=_serve, args=arguments)
        self._process.start()
        theirs.close()
        self._starts += 1
        self._ready = False
        self._visits, self._expected = 0, 0
        self._at = ""
        self._failed: dict[str, str] | None = None
        for student in self._added:
            self._tell(student)

    def ready(self) -> None:
        """Wait until the gradebook knows the assignment. Raises `AssignmentError` when nbgrader would not have it."""
        while self._why is None and not self._ready:
            self._hear(None)
        if self._why is not None:
            raise self._why

    def add(self, student: str) -> None:
        """Have the student's latest report recorded, unless it is already. What goes wrong is for `finish` to say."""
        self._added.append(student)
        self._tell(student)
        while self._why is None and self._hear(0):  # or its words would fill the pipe
            pass

    def finish(self, progress: Callable[[int, int, str], None] = lambda visits, expected, at: None) -> dict[str, str]:
        """Wait until all is recorded and everyone has feedback.

        Returns the students that nbgrader would not record, with its words. ``progress`` is told how many of how many
        visits to a student are behind it, two for each, and at whom it is. Raises `AssignmentError` when nothing can be
        recorded.
        """
        self._tell(None)
        while self._why is None and self._failed is None:
            starts = self._starts
            self._hear(None)
            if self._starts != starts:
                self._tell(None)
            progress(self._visits, self._expected, self._at)
        if self._why is not None:
            raise self._why
        return self._failed

    def _tell(self, student: str | None) -> None:
        with contextlib.suppress(OSError):  # one that has ended is found out when it is listened to
            self._pipe.send(student)

    def _hear(self, patience: float | None) -> bool:
        """Take one word of the process, if there is one in time; begin again with another when it was killed.

        What makes recording impossible is kept in ``_why``, for whoever may say it.
        """
        try:
            if not self._pipe.poll(patience):
                return False
            word = self._pipe.recv()
        except (EOFError, OSError):
            self._begin_again()
            return True
        match word:
            case _Ready():
                self._ready = True
            case _At(student):
                self._visits, self._at = self._visits + 1, student
            case _Expect(visits):
                self._expected = visits
            case _Done(failed):
                self._failed = failed
            case _Refused(why):
                self._why = AssignmentError(why)
        return True

    def _begin_again(self) -> None:
        self._process.join()
        code = self._process.exitcode
        self._stop()
        if code is None or code >= 0 or self._starts == STARTS:
            self._why = AssignmentError(
                f"the process that records grades ended ({code}); every report is kept, so run the same command again"
            )
        else:
            self._start()


# --- the process --------------------------------------------------------------------------------------------------


def _serve(pipe: Connection, root: Path, name: str) -> None:
    fleet.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which ends this process
    names: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, names), daemon=True).start()
    try:
        pipe.send(_Done(_record(pipe, names, load(root, name))))
    except AssignmentError as error:
        pipe.send(_Refused(str(error)))


def _receive(pipe: Connection, names: queue.SimpleQueue[str | None]) -> None:
    """Take what comes at once: the grader has better things to do than to wait for a full pipe."""
    try:
        while (student := pipe.recv()) is not None:
            names.put(student)
    except (EOFError, OSError):
        os._exit(1)  # there is no grader any more
    names.put(None)


def _record(pipe: Connection, names: queue.SimpleQueue[str | None], assignment: Assignment) -> dict[str, str]:
    from autograder.nbgrader import gradebook

    gradebook.require(assignment)
    there, store = gradebook.recorded(assignment), Store(assignment.root)
    pipe.send(_Ready())
    done: list[str] = []
    batch: list[Report] = []
    with gradebook.Recording(assignment, lambda student: pipe.send(_At(student))) as recording:
        while (student := names.get()) is not None:
            latest = store.latest(assignment.name, student)
            if latest is None or (latest.recorded and student in there):
                continue
            report = store.get(latest.key)
            if report is None:
                continue
            batch.append(report)
            done.append(student)
            if len(batch) == BATCH:
                recording.add(batch)
                batch = []
        pipe.send(_Expect(2 * len(done)))
        recording.add(batch)
        failed = recording.finish() if done else {}
    for student in done:
        if student not in failed:
            store.mark_recorded(assignment.name, student)
    gradebook.export(assignment.root, assignment.root / "grades.csv")
    return failed
