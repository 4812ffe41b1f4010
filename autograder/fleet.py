"""Grades many submissions: what is stored is taken from there, the rest is shared out over this machine's cores.

Each worker is a process of its own, forked from one that has made the slow imports; all of them open their cells in one
zygote, behind one wall, which starts meanwhile. What breaks one worker is seen by the others only as work that they
take over, and a worker that loses the zygote starts its own. A submission whose grading fails through no fault of its
own is tried again, then reported as ours.

Nothing here imports PyTorch before a submission has to be graded: a second run takes all from the store at once.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import keys
from autograder.assignment import Assignment, GradingError, load
from autograder.jail.wall import WallError, Zygote
from autograder.report import ExerciseResult, Report, Verdict
from autograder.store import Latest, Store
from autograder.submission import Submission
from autograder.submission import read as read_submission

if TYPE_CHECKING:
    from autograder.jail.warden import Warden

TRIES = 3


@dataclass(frozen=True)
class Graded:
    """One submission's report, whether it came from the store, and what the student's latest was before."""

    report: Report
    cached: bool
    before: Latest | None
    decided_by: dict[str, str]

    @property
    def why(self) -> str:
        """What changed since the student's last report, in words; empty when nothing is known to have."""
        known = self.before.decided_by if self.before else {}
        parts = [part for part in (*self.decided_by, *known) if known and known.get(part) != self.decided_by.get(part)]
        return " and ".join(dict.fromkeys(parts))

    @property
    def moved(self) -> bool:
        """Whether a grade that had been given is now another."""
        return self.before is not None and (self.before.score, self.before.verdict) != (
            self.report.score,
            self.report.verdict,
        )


@dataclass(frozen=True)
class Task:
    """One submission to grade; ``only`` names the exercises if not all."""

    submission: Submission
    seed: int
    key: str
    only: frozenset[str] | None = None


class Grader:
    """Grades submissions of one assignment, through the store."""

    def __init__(self, assignment: Assignment, store: Store | None = None) -> None:
        self.assignment = assignment
        self.store = store or Store(assignment.root)
        _ = assignment.released_notebook  # says in a sentence what to do when it has not been made
        self._secret = keys.course_secret(assignment.root)
        self._parts = keys.digests(assignment)
        self._harness = keys.digest_of(self._parts)

    def seed(self, student: str) -> int:
        """The seed of one student's hidden tests."""
        return keys.submission_seed(self._secret, self.assignment.name, student)

    def key(self, submission: Submission) -> str:
        """What the report of ``submission`` is stored under."""
        return keys.report_key(self._harness, submission, self.seed(submission.student))

    def one(self, submission: Submission) -> Report:
        """The report of one submission, graded in this process if need be."""
        report = self.store.get(self.key(submission)) or self.afresh(submission)
        self.store.put(report, self._decided_by(submission))
        return report

    def _decided_by(self, submission: Submission) -> dict[str, str]:
        return {"the submission": submission.digest, **self._parts}

    def afresh(self, submission: Submission) -> Report:
        """The report of one submission, graded now whatever the store holds, and not stored."""
        return _grade(self.assignment, Task(submission, self.seed(submission.student), self.key(submission)))

    def many(
        self,
        submissions: Iterable[tuple[str, Path]],
        jobs: int | None = None,
        progress: Callable[[Graded], None] = lambda _: None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[Graded]:
        """Grade ``(student, folder)`` pairs on ``jobs`` processes (default: one a core), in the order of students.

        The reports returned are outlines; whole ones are in the store. ``progress`` is told of each, with its whole
        report, as it is done; ``meanwhile`` is called before the first, while the others start.
        Raises `WallError` when this machine cannot jail anything.
        """
        done: dict[str, Graded] = {}

        def finish(submission: Submission, report: Report, cached: bool) -> None:
            decided_by = self._decided_by(submission)
            one = Graded(report, cached, self.store.put(report, decided_by), decided_by)
            progress(one)
            done[report.student] = replace(one, report=report.outline())

        def todo() -> Iterator[Task]:
            for student, folder in submissions:
                submission = read_submission(folder, student, self.assignment.name)
                key = self.key(submission)
                if (report := self.store.get(key)) is not None:
                    finish(submission, report, cached=True)
                else:
                    yield Task(submission, self.seed(student), key)

        share_out(
            self.assignment, todo(), jobs, lambda task, report: finish(task.submission, report, cached=False), meanwhile
        )
        return [done[student] for student in sorted(done)]


def available_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _grade(assignment: Assignment, task: Task) -> Report:
    from autograder import grading
    from autograder.jail.warden import WardenError

    why = ""
    for _ in range(TRIES):
        try:
            return grading.grade(assignment, task.submission, _own_warden(), task.seed, task.key, task.only)
        except (GradingError, WardenError) as error:
            why = str(error)
    return fault_report(assignment, task, why)


def fault_report(assignment: Assignment, task: Task, why: str) -> Report:
    """The report that says that we failed: it scores nothing, is never stored, and never reaches a gradebook."""
    return Report(
        assignment=assignment.name,
        student=task.submission.student,
        score=0.0,
        max_score=sum(e.points for e in assignment.exercises.values()),
        verdict=Verdict.FAULT,
        exercises=tuple(
            ExerciseResult(name=n, title=e.title, score=0.0, max_score=e.points, verdict=Verdict.FAULT)
            for n, e in assignment.exercises.items()
        ),
        remarks=(why,),
        seed=task.seed,
        key=task.key,
    )


_warden: Warden | None = None


def _own_warden(control: socket.socket | None = None) -> Warden:
    """This process's warden, started on first use and stopped when the process ends; ``control`` is a zygote's."""
    global _warden
    if _warden is None:
        import torch

        from autograder.jail.warden import Warden

        # The oracles' tensors are small: threads cost them time, and the other cores have workers of their own.
        torch.set_num_threads(1)
        _warden = Warden(control).__enter__()
        atexit.register(_warden.__exit__)
    return _warden


# --- workers ------------------------------------------------------------------------------------------------------


PR_SET_PDEATHSIG = 1
IMPORTED_ONCE = [
    "autograder.grading",
    "autograder.jail.warden",
    "autograder.fleet",
    "torch.fx.experimental.symbolic_shapes",  # what PyTorch else imports at the first gradient, for a third of a second
]


def _start_fork_server() -> BaseContext:
    """Have the process that workers are forked from start its imports, if it has not; the context that forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    forkserver.ensure_running()
    return context


def _start_worker(*course: object) -> tuple[BaseProcess, Connection]:
    """A worker, forked from a process that has the slow imports behind it, and the other end of its pipe.

    It ends with this process at the latest.
    """
    context = _start_fork_server()
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, *course), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def die_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends, which ends with the grader itself."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    grader = multiprocessing.parent_process()
    if grader is None or not grader.is_alive():
        os._exit(1)


def _end_fork_server() -> None:
    """End the process that workers are forked from, which would stay for as long as this one."""
    server = forkserver._forkserver
    if server._forkserver_pid is not None:
        # It has nothing to put in order, and the interpreter's own end would take it half a second.
        os.kill(server._forkserver_pid, signal.SIGKILL)
    server._stop()


def _work(pipe: Connection, root: Path, name: str, control: socket.socket) -> None:
    """A worker: grade what comes down the pipe until it closes."""
    die_with_parent()
    # The fork server ends when the last copy of this descriptor is closed, and the grader's shall be the last.
    os.close(forkserver._forkserver._forkserver_alive_fd)
    assignment = load(root, name)
    control.settimeout(120)
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        _own_warden(control)
        while True:
            pipe.send(_grade(assignment, pipe.recv()))


class _Worker:
    def __init__(self, root: Path, name: str, control: socket.socket) -> None:
        self._course, self._control = (root, name), control
        self.process, self.pipe = _start_worker(root, name, control)
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # one that has ended is found out when its answer is awaited
            self.pipe.send(task)

    def again(self, control: socket.socket | None = None) -> _Worker:
        """Another in its place."""
        self.stop()
        return _Worker(*self._course, control or self._control)

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextlib.contextmanager
def _workers(
    assignment: Assignment, tasks: Iterable[Task], jobs: int | None, meanwhile: Callable[[], None]
) -> Iterator[tuple[list[_Worker], deque[Task]]]:
    """Workers behind one wall, ready for work, and the work. ``tasks`` are collected while the processes start.

    Raises `WallError` when this machine cannot jail anything.
    """
    zygote = Zygote()
    workers: list[_Worker] = []
    try:
        _start_fork_server()
        waiting = deque(tasks)
        count = max(1, min(jobs or available_cores(), len(waiting)))
        workers += [_Worker(assignment.root, assignment.name, zygote.control) for _ in range(count)]
        meanwhile()
        try:
            zygote.ready()
        except WallError:
            # Where no wall can stand none will, but one that was killed as it rose can be built again.
            zygote = Zygote()
            zygote.ready()
            workers[:] = [worker.again(zygote.control) for worker in workers]
        yield workers, waiting
    finally:
        for worker in workers:
            worker.stop()
        zygote.stop()
        _end_fork_server()


def share_out(
    assignment: Assignment,
    tasks: Iterable[Task],
    jobs: int | None,
    finish: Callable[[Task, Report], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Grade ``tasks`` on ``jobs`` processes (default: one a core) and tell ``finish`` of each as it is done.

    The processes start with the first task and the others are taken from ``tasks`` meanwhile; then, before anything is
    graded, ``meanwhile`` is called. Raises `WallError` when this machine cannot jail anything.
    """
    tasks = iter(tasks)
    first = list(itertools.islice(tasks, 1))
    if not first:
        meanwhile()
        return
    deaths: dict[int, int] = {}
    with _workers(assignment, itertools.chain(first, tasks), jobs, meanwhile) as (workers, waiting):
        for worker in workers:
            worker.give(waiting.popleft())
        while busy := {worker.pipe: worker for worker in workers if worker.task}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                task, worker.task = worker.task, None
                try:
                    answer = worker.pipe.recv()
                except (EOFError, OSError):
                    deaths[id(task)] = deaths.get(id(task), 0) + 1
                    if deaths[id(task)] < TRIES:
                        waiting.appendleft(task)
                    else:
                        why = f"the grading process ended {TRIES} times on this submission"
                        finish(task, fault_report(assignment, task, why))
                    workers[workers.index(worker)] = worker = worker.again()
                else:
                    finish(task, answer)
                if waiting:
                    worker.give(waiting.popleft())
