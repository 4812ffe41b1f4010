"""Runs tasks on this machine's cores.

Each worker is a process of its own, forked from one that has made the slow imports; all of them open their sandboxes in
one zygote, behind one wall, which starts meanwhile. What breaks one worker is seen by the others only as work that they
take over, and a worker that loses the zygote starts its own. A submission whose grading fails through no fault of its
own is tried again, then reported as ours.
"""

import atexit
import contextlib
import ctypes
import gc
import itertools
import multiprocessing
import os
import shutil
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from autograder.course.assignment import Assignment, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.grading.executor import Executor
from autograder.grading.retries import TRIES, fault_report, grade_here, process_supervisor
from autograder.grading.task import Task
from autograder.jail.bubblewrap import Zygote
from autograder.jail.errors import JailError

PR_SET_PDEATHSIG = 1
IMPORTED_ONCE = [
    "autograder.grading.grade",
    "autograder.jail.supervisor",
    "autograder.grading.local",
    "torch.fx.experimental.symbolic_shapes",  # what PyTorch else imports at the first gradient, for a third of a second
]


def available_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


class LocalExecutor(Executor):
    """Runs tasks on ``jobs`` processes of this machine (default: one a core)."""

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = jobs or available_cores()

    def run_tasks(
        self,
        assignment: Assignment,
        tasks: Iterable[Task],
        finish: Callable[[Task, Report], None],
        before_grading: Callable[[], None] = lambda: None,
    ) -> None:
        """See `Executor`. The processes start with the first task, and the others are taken meanwhile."""
        tasks = iter(tasks)
        first = list(itertools.islice(tasks, 1))
        if not first:
            before_grading()
            return
        deaths: dict[int, int] = {}
        with self._workers(assignment, itertools.chain(first, tasks), before_grading) as (workers, waiting):
            for worker in workers:
                worker.give(waiting.popleft())
            while busy := {worker.pipe: worker for worker in workers if worker.task}:
                for pipe in wait(list(busy)):
                    worker = busy[pipe]
                    task, worker.task = worker.task, None
                    try:
                        report = worker.pipe.recv()
                    except (EOFError, OSError):
                        deaths[id(task)] = deaths.get(id(task), 0) + 1
                        if deaths[id(task)] < TRIES:
                            waiting.appendleft(task)
                        else:
                            why = f"the grading process ended {TRIES} times on this submission"
                            finish(task, fault_report(assignment, task, why))
                        workers[workers.index(worker)] = worker = worker.replacement()
                    else:
                        if isinstance(report, Exception):
                            raise report
                        finish(task, report)
                    if waiting:
                        worker.give(waiting.popleft())

    @contextlib.contextmanager
    def _workers(
        self, assignment: Assignment, tasks: Iterable[Task], before_grading: Callable[[], None]
    ) -> Iterator[tuple[list["_Worker"], deque[Task]]]:
        """Workers behind one wall, ready for work, and the work, which is collected while the processes start."""
        zygote = Zygote()
        workers: list[_Worker] = []
        try:
            _start_fork_server()
            waiting = deque(tasks)
            count = max(1, min(self._jobs, len(waiting)))
            workers += [_Worker(assignment.root, assignment.name, zygote.control) for _ in range(count)]
            before_grading()
            try:
                zygote.ready()
            except JailError:
                # Where no wall can be built none will, but one that was killed meanwhile can be built again.
                zygote = Zygote()
                zygote.ready()
                workers[:] = [worker.replacement(zygote.control) for worker in workers]
            yield workers, waiting
        finally:
            for worker in workers:
                worker.stop()
            zygote.stop()
            _end_fork_server()


class _Worker:
    def __init__(self, root: Path, name: str, control: socket.socket) -> None:
        self._course, self._control = (root, name), control
        self.process, self.pipe = _start_worker(root, name, control)
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # one that has ended is found out when its answer is awaited
            self.pipe.send(task)

    def replacement(self, control: socket.socket | None = None) -> "_Worker":
        """Another in its place."""
        self.stop()
        return _Worker(*self._course, control or self._control)

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


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


def _work(pipe: Connection, root: Path, name: str, control: socket.socket) -> None:
    """A worker: grade what comes down the pipe until it closes."""
    die_with_parent()
    # The fork server ends when the last copy of this descriptor is closed, and the grader's shall be the last.
    os.close(forkserver._forkserver._forkserver_alive_fd)
    assignment = load_assignment(root, name)
    control.settimeout(120)
    gc.freeze()  # what is imported stays, and looking through it again and again takes a twentieth of the time
    with contextlib.suppress(_GraderIsGone, KeyboardInterrupt):
        process_supervisor(control)
        while True:
            task = _hear(pipe)
            try:
                answer: Report | Exception = grade_here(assignment, task)
            except (AssignmentError, JailError) as error:
                answer = error
            _say(pipe, answer)


class _GraderIsGone(Exception):
    """The grader has closed its end of the pipe."""


def _hear(pipe: Connection) -> Task:
    try:
        return pipe.recv()
    except (EOFError, OSError):  # an OSError where the grader left the last answer unread
        raise _GraderIsGone from None


def _say(pipe: Connection, answer: Report | Exception) -> None:
    try:
        pipe.send(answer)
    except OSError:
        raise _GraderIsGone from None


def _remove_folder_of_fork_server() -> None:
    """Remove the temporary folder with the fork server's socket.

    Python leaves that to the grader, which may be killed; then the fork server ends by itself, and does it.
    """
    server = forkserver._forkserver
    if server._forkserver_pid is None and server._forkserver_address:  # this is it, and not one that has started it
        shutil.rmtree(Path(server._forkserver_address).parent, ignore_errors=True)


atexit.register(_remove_folder_of_fork_server)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends, which ends with the grader itself."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    grader = multiprocessing.parent_process()
    if grader is None or not grader.is_alive():
        os._exit(1)


def _start_fork_server() -> BaseContext:
    """Have the process that workers are forked from start its imports, if it has not; the context that forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    forkserver.ensure_running()
    return context


def _end_fork_server() -> None:
    """End the process that workers are forked from, which would stay for as long as this one."""
    server = forkserver._forkserver
    if server._forkserver_pid is not None:
        # It has nothing to put in order, and the interpreter's own end would take it half a second.
        os.kill(server._forkserver_pid, signal.SIGKILL)
    server._stop()
