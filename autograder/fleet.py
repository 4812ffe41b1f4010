"""Grades many submissions: what is stored is taken from there, the rest is shared out over this machine's cores.

Each worker is a process of its own with a warden of its own, so what breaks one is seen by the others only as work
that they take over. A submission whose grading fails through no fault of its own is tried again, then reported as ours.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from autograder import grading
from autograder.assignment import Assignment, load
from autograder.grading import GradingError
from autograder.jail.wall import WallError
from autograder.jail.warden import Warden, WardenError
from autograder.report import ExerciseResult, Report, Verdict
from autograder.store import Latest, Store
from autograder.submission import Submission
from autograder.submission import read as read_submission

TRIES = 3


@dataclass(frozen=True)
class Graded:
    """One submission's report, whether it came from the store, and what the student's latest was before."""

    report: Report
    cached: bool
    before: Latest | None

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
        self._secret = grading.course_secret(assignment.root)
        self._harness = grading.harness_digest(assignment)

    def seed(self, student: str) -> int:
        """The seed of one student's hidden tests."""
        return grading.submission_seed(self._secret, self.assignment.name, student)

    def key(self, submission: Submission) -> str:
        """What the report of ``submission`` is stored under."""
        return grading.report_key(self._harness, submission, self.seed(submission.student))

    def one(self, submission: Submission) -> Report:
        """The report of one submission, graded in this process if need be."""
        report = self.store.get(self.key(submission)) or self.afresh(submission)
        self.store.put(report)
        return report

    def afresh(self, submission: Submission) -> Report:
        """The report of one submission, graded now whatever the store holds, and not stored."""
        return _grade(self.assignment, Task(submission, self.seed(submission.student), self.key(submission)))

    def many(
        self,
        submissions: Iterable[tuple[str, Path]],
        jobs: int | None = None,
        progress: Callable[[Graded], None] = lambda _: None,
    ) -> list[Graded]:
        """Grade ``(student, folder)`` pairs on ``jobs`` processes (default: one a core), in the order of students.

        ``progress`` is told of each as it is done. Raises `WallError` when this machine cannot jail anything.
        """
        done: dict[str, Graded] = {}
        todo: list[Task] = []

        def finish(report: Report, cached: bool) -> None:
            done[report.student] = Graded(report, cached, self.store.put(report))
            progress(done[report.student])

        for student, folder in submissions:
            submission = read_submission(folder, student, self.assignment.name)
            key = self.key(submission)
            if (report := self.store.get(key)) is not None:
                finish(report, cached=True)
            else:
                todo.append(Task(submission, self.seed(student), key))
        share_out(self.assignment, todo, jobs, lambda task, report: finish(report, cached=False))
        return [done[student] for student in sorted(done)]


def available_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _grade(assignment: Assignment, task: Task) -> Report:
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


def _own_warden() -> Warden:
    """This process's warden, started on first use and stopped when the process ends."""
    global _warden
    if _warden is None:
        # The oracles' tensors are small: threads cost them time, and the other cores have workers of their own.
        torch.set_num_threads(1)
        _warden = Warden().__enter__()
        atexit.register(_warden.__exit__)
    return _warden


# --- workers ------------------------------------------------------------------------------------------------------


PR_SET_PDEATHSIG = 1
WALL_TRIES = 2


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that ends; the wall ends with this process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _work(pipe: Connection, root: Path, name: str, parent: int) -> None:
    """A worker: grade what comes down the pipe until it closes."""
    _die_with(parent)
    assignment = load(root, name)
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        for attempt in range(WALL_TRIES):
            try:
                _own_warden()
                break
            except WallError as error:
                # Where no wall can stand none will, but one that was killed as it rose can be built again.
                if attempt == WALL_TRIES - 1:
                    pipe.send(str(error))
                    return
        while True:
            pipe.send(_grade(assignment, pipe.recv()))


class _Worker:
    def __init__(self, root: Path, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, root, name, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        self.pipe.send(task)

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def share_out(
    assignment: Assignment, tasks: list[Task], jobs: int | None, finish: Callable[[Task, Report], None]
) -> None:
    """Grade ``tasks`` on ``jobs`` processes (default: one a core) and tell ``finish`` of each as it is done.

    Raises `WallError` when this machine cannot jail anything.
    """
    waiting = deque(tasks)
    deaths: dict[int, int] = {}
    count = max(1, min(jobs or available_cores(), len(tasks))) if tasks else 0
    workers = [_Worker(assignment.root, assignment.name) for _ in range(count)]
    try:
        for worker in workers:
            worker.give(waiting.popleft())
        while busy := {worker.pipe: worker for worker in workers if worker.task}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                task, worker.task = worker.task, None
                try:
                    answer = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.stop()
                    deaths[id(task)] = deaths.get(id(task), 0) + 1
                    if deaths[id(task)] < TRIES:
                        waiting.appendleft(task)
                    else:
                        why = f"the grading process ended {TRIES} times on this submission"
                        finish(task, fault_report(assignment, task, why))
                    workers[workers.index(worker)] = worker = _Worker(assignment.root, assignment.name)
                else:
                    if isinstance(answer, str):
                        raise WallError(answer)
                    finish(task, answer)
                if waiting:
                    worker.give(waiting.popleft())
    finally:
        for worker in workers:
            worker.stop()
