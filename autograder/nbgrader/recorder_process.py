"""Records reports in a process of its own while others are still being graded, so that neither waits for the other.

The process is the only one of a run that imports nbgrader, which takes seconds, and the only one that writes the
gradebook. It is told students' names alone, and takes their latest reports from the store.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.course import places
from autograder.course.assignment import Assignment, load_assignment
from autograder.course.errors import AssignmentError, in_a_sentence
from autograder.course.report import Report
from autograder.grading.local import die_with_parent
from autograder.grading.store import Store
from autograder.nbgrader.standing import Standing

BATCH = 10  # students; what nbgrader does once for each batch takes a fifth of what it does for each of them
STARTS = 3


@dataclass(frozen=True)
class Recorded:
    """What a recorder came to: what the gradebook says of each student, and whom nbgrader would not have, and why."""

    standings: dict[str, Standing] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class RecorderProcess:
    """Records the latest reports of one assignment's students, as they are added.

    Use it as a context manager; leaving it before `finish` drops what is not recorded yet. When its process is killed,
    another begins again, which changes nothing of what the first has done.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._added: list[str] = []
        self._starts = 0
        self._why: AssignmentError | None = None

    def __enter__(self) -> "RecorderProcess":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self.process.kill()
        self.process.join()
        self._pipe.close()

    def _start(self) -> None:
        # Not from the fork server: that one imports PyTorch first, which nothing here needs.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._assignment.root, self._assignment.name)
        self.process = context.Process(target=_serve, args=arguments)
        self.process.start()
        theirs.close()
        self._starts += 1
        self._ready = False
        self._visits, self._expected = 0, 0
        self._at = ""
        self._recorded: Recorded | None = None
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

    def finish(self, progress: Callable[[int, int, str], None] = lambda visits, expected, at: None) -> Recorded:
        """Wait until all is recorded and everyone has feedback.

        ``progress`` is told how many of how many
        visits to a student are behind it, two for each, and at whom it is. Raises `AssignmentError` when nothing can be
        recorded.
        """
        self._tell(None)
        while self._why is None and self._recorded is None:
            starts = self._starts
            self._hear(None)
            if self._starts != starts:
                self._tell(None)
            progress(self._visits, self._expected, self._at)
        if self._why is not None:
            raise self._why
        return self._recorded

    def _tell(self, student: str | None) -> None:
        with contextlib.suppress(OSError):  # one that has ended is found out when it is listened to
            self._pipe.send(student)

    def _hear(self, timeout: float | None) -> bool:
        """Take one word of the process, if there is one in time; begin again with another when it was killed.

        What makes recording impossible is kept in ``_why``, for whoever may say it.
        """
        try:
            if not self._pipe.poll(timeout):
                return False
            word = self._pipe.recv()
        except (EOFError, OSError):
            self._begin_again()
            return True
        match word:
            case ("ready",):
                self._ready = True
            case ("at", student):
                self._visits, self._at = self._visits + 1, student
            case ("expect", visits):
                self._expected = visits
            case ("done", recorded):
                self._recorded = recorded
            case ("refused", why):
                self._why = AssignmentError(why)
        return True

    def _begin_again(self) -> None:
        self.process.join()
        code = self.process.exitcode
        self._stop()
        if code is None or code >= 0 or self._starts == STARTS:
            self._why = AssignmentError(
                f"the process that records grades was ended {self._starts} times ({_how(code)}); every report is kept, "
                "so run the same command again"
            )
        else:
            self._start()


def _how(code: int | None) -> str:
    return f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"


# --- the process --------------------------------------------------------------------------------------------------


def _serve(pipe: Connection, root: Path, name: str) -> None:
    """Record the students whose names come down the pipe until None comes, and say how it goes:

    ``("ready",)``: the gradebook knows the assignment; ``("at", student)``: it has come to a student, to record it or
    to make its feedback; ``("expect", visits)``: how many times it will have; ``("done", recorded)``: all is done;
    ``("refused", why)``: nothing can be recorded.
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which ends this process
    names: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, names), daemon=True).start()
    try:
        pipe.send(("done", _record(pipe, names, load_assignment(root, name))))
    except Exception as error:
        with contextlib.suppress(OSError):  # there may be no grader any more
            pipe.send(("refused", in_a_sentence(error)))


def _receive(pipe: Connection, names: queue.SimpleQueue[str | None]) -> None:
    """Take what comes at once: the grader has better things to do than to wait for a full pipe."""
    try:
        while (student := pipe.recv()) is not None:
            names.put(student)
    except (EOFError, OSError):
        os._exit(1)  # there is no grader any more
    names.put(None)


def _record(pipe: Connection, names: queue.SimpleQueue[str | None], assignment: Assignment) -> Recorded:
    from autograder.nbgrader import feedback, gradebook
    from autograder.nbgrader.database import open_gradebook
    from autograder.nbgrader.recording import Recording
    from autograder.nbgrader.release import require

    with open_gradebook(assignment.root):
        pass  # it can be used, or this says why not
    require(assignment)
    there, store = gradebook.recorded_scores(assignment), Store(assignment.root)
    pipe.send(("ready",))
    done: list[str] = []
    batch: list[Report] = []
    same: set[str] = set()

    def at(student: str) -> None:
        pipe.send(("at", student))

    with Recording(assignment, at) as recording:
        while (student := names.get()) is not None:
            latest = store.latest(assignment.name, student)
            if latest is None or (latest.recorded and there.get(student) == latest.score):
                continue
            report = store.get(latest.key)
            if report is None:
                continue
            done.append(student)
            batch.append(report)
            if latest.submission and latest.submission == latest.recorded_submission:
                same.add(student)
            if len(batch) == BATCH:
                recording.add(batch, same)
                batch, same = [], set()
        recording.add(batch, same)
    for student in done:
        if student not in recording.failed:
            store.mark_recorded(assignment.name, student)
    made = feedback.bring_up_to_date(assignment, at, lambda count: pipe.send(("expect", len(done) + count)))
    gradebook.export(assignment.root, assignment.root / places.GRADES)
    return Recorded(made.standings, made.failed | recording.failed)
