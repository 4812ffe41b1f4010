"""Stands outside the wall: opens a cell for each submission, has it run cells and calls, clocks, caps and kills it.

Nothing that comes from a cell is believed but plain values. A cell that breaks a limit or the protocol is dead from
then on, and `CellDied` says with which verdict.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from autograder import work
from autograder.assignment import Limits
from autograder.calls import Call, Mode, Outcome
from autograder.dialect import StudentError, student_error
from autograder.jail import wall, wire
from autograder.report import Verdict

TICK = 0.05  # seconds between two looks at a busy cell
WALL_CLOCK_FACTOR = 4  # a call may take this many times its processor time by the clock, for a machine that is busy
IDLE_NS = 1_000_000  # nanoseconds that threads which only wake and sleep again may use during a measured call
SCRATCH = ("/tmp", "/dev/shm")  # where a cell may write
KEPT_OUTPUT = 20_000  # bytes of what a submission printed that a report keeps


class CellDied(StudentError):
    """A cell that was killed, or ended, while it worked on a request."""

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__("", detail, verdict=verdict)

    @property
    def detail(self) -> str:
        """How the cell ended, in words."""
        return self.message


class WardenError(Exception):
    """A failure on our side of the wall; the submission is not to blame and is graded again."""


class Warden:
    """Opens cells in a zygote: one that the wardens of a run share by its ``control`` socket, or one of its own.

    Use it as a context manager.
    """

    def __init__(self, control: socket.socket | None = None) -> None:
        self._zygote: wall.Zygote | None = None
        self._control = control
        self._base_memory: int | None = None

    def __enter__(self) -> Warden:
        if self._control is None:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        self._zygote = wall.Zygote()
        self._zygote.ready()
        self._control = self._zygote.control

    def _stop(self) -> None:
        if self._zygote is not None:
            self._zygote.stop()
        elif self._control is not None:
            self._control.close()
        self._zygote = self._control = None

    @contextlib.contextmanager
    def cell(self, limits: Limits, forbidden: Iterable[tuple[str, ...]] = ()) -> Iterator[Cell]:
        """A fresh cell, killed with everything in it on leaving. Raises `WardenError` when none can be opened.

        Calls that note operators of the patterns ``forbidden`` find all that this takes prepared.
        """
        forbidden = sorted(forbidden)
        try:
            cell = self._open(limits, forbidden)
        except (OSError, WardenError):
            # A zygote that died is replaced once; if the next one fails as well, the fault is reported.
            self._stop()
            try:
                self._start()
                cell = self._open(limits, forbidden)
            except (OSError, wall.WallError) as error:
                raise WardenError(f"no cell could be opened: {error}") from error
        try:
            yield cell
        finally:
            cell.close()

    def zygote_lives(self) -> bool:
        """Whether the zygote answers. A cell that ended with its zygote did not end by the student's doing."""
        if self._control is None:
            return False
        ours, theirs = socket.socketpair()
        with ours:
            ours.settimeout(30)
            try:
                with theirs:
                    socket.send_fds(self._control, [b"ping"], [theirs.fileno()])
                return ours.recv(64) == b"alive"
            except OSError:
                return False

    def _open(self, limits: Limits, forbidden: Sequence[tuple[str, ...]]) -> Cell:
        if self._control is None:
            raise WardenError("the zygote ended")
        ours, theirs = socket.socketpair()
        output, written = os.pipe()
        order = {
            "tmpfs": 64 << 20,
            # Address space is not memory: libraries map gigabytes that they never touch. The watch on resident memory
            # is the limit; this one only turns one absurd allocation into an error at once.
            "address_space": (limits.memory_mb << 20) + (16 << 30),
            "processes": limits.processes,
            "forbidden": forbidden,
        }
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], [theirs.fileno(), written])
            theirs.close()
            os.close(written)
            ours.settimeout(30)
            message, fds, _, _ = socket.recv_fds(ours, 1 << 16, 1)
            answer = json.loads(message) if message else {"built": False, "why": "the zygote ended"}
            if not answer["built"] or not fds:
                raise WardenError(f"no cell could be opened: {answer.get('why', 'no process to hold')}")
        except BaseException:
            ours.close()
            os.close(output)
            raise
        ours.setblocking(False)
        os.set_blocking(output, False)
        cell = Cell(ours, output, fds[0], limits, self.zygote_lives)
        try:
            # Its first answer shows that the inmate stands behind all of its walls; no code of the submission ran yet.
            cell.names([])
        except CellDied as death:
            cell.close()
            said = cell.printed.decode("utf-8", "replace").strip()
            raise WardenError(f"no cell could be built: {said or death.detail}") from death
        if self._base_memory is None:
            self._base_memory = cell.memory()
        cell.base_memory = self._base_memory
        return cell


class Cell:
    """One inmate: requests go in, values come out."""

    def __init__(
        self, sock: socket.socket, output: int, pidfd: int, limits: Limits, zygote_lives: Callable[[], bool]
    ) -> None:
        self._zygote_lives = zygote_lives
        self._sock, self._output, self._pidfd, self.limits = sock, output, pidfd, limits
        self._pid = _pid_of(pidfd)
        self.printed = bytearray()
        self._received = bytearray()
        self._printed_total = 0
        self._dead: CellDied | None = None
        self.base_memory = 0
        self._sealed = False
        self._only_one = False

    # --- requests ---------------------------------------------------------------------------------------------

    def run(self, source: str) -> dict[str, str] | None:
        """Run one notebook cell. Returns None, or the error that it ended with. Raises `CellDied`."""
        reply, _ = self._ask({"do": "run", "source": source}, [], self.limits.cell_seconds)
        error = reply.get("error")
        return _error_record(error) if error is not None else None

    def names(self, names: Sequence[str]) -> set[str]:
        """Which of ``names`` are callable in the notebook's namespace. Raises `CellDied`."""
        reply, _ = self._ask({"do": "names", "names": list(names)}, [], self.limits.call_seconds)
        found = reply.get("names")
        return {name for name in found if name in names} if isinstance(found, list) else set()

    def call(self, call: Call) -> Outcome:
        """Make one call. Raises `StudentError` for the student's errors, and `CellDied`."""
        (outcome,), operators = self.calls([call])
        if isinstance(outcome, StudentError):
            raise outcome
        return replace(outcome, operators=operators)

    def calls(self, calls: Sequence[Call]) -> tuple[list[Outcome | StudentError], dict[str, int]]:
        """Make calls, one after another in the time of one: the outcome or the error of each, and all their operators.

        The operators are those of all the calls together. Raises `CellDied`, which does not say by which call.
        """
        self._seal()
        measured = 0 if self._only_one else sum(call.mode is Mode.WORK for call in calls)
        elsewhere = self._elsewhere() if measured else 0
        tensors: list[torch.Tensor] = []
        forbidden = list(dict.fromkeys(call.forbidden for call in calls))
        asked = [_order(call, forbidden.index(call.forbidden), tensors) for call in calls]
        request = {"do": "calls", "calls": asked, "forbidden": forbidden}
        reply, out = self._ask(request, tensors, self.limits.call_seconds)
        if measured and self._elsewhere() - elsewhere > measured * IDLE_NS:
            raise self._die(Verdict.TAMPERED, "another thread or process of the notebook worked during a measured call")
        if "error" in reply:
            # The answer as a whole could not be sent; of several calls nobody knows whose fault that is.
            error = _student_error(reply["error"])
            if len(calls) > 1:
                raise self._die(Verdict.ERROR, error.detail)
            return [error], {}
        try:
            operators = _counts(reply["operators"])
            answers = zip(calls, reply["replies"], strict=True)
            return [self._outcome(call, answer, out) for call, answer in answers], operators
        except (wire.WireError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._die(Verdict.TAMPERED, "the process answered with something that is not an answer") from error

    def _outcome(self, call: Call, reply: dict[str, Any], out: list[torch.Tensor]) -> Outcome | StudentError:
        if reply.get("absent"):
            return student_error("NameError", f"there is no function called {call.function}", missing=True)
        if "error" in reply:
            return _student_error(reply["error"])
        value, after = wire.decode(reply["value"], out)
        done = None
        if call.mode is Mode.WORK:
            told = reply["work"]
            done = work.Work(int(told["opcodes"]), _counts(told["operators"]), told["intact"] is True)
        return Outcome(self._wrapped(value), tuple(self._wrapped(a) for a in after), work=done)

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, wire.Handle):
            return RemoteObject(self, value)
        if type(value) in (list, tuple):
            return type(value)(self._wrapped(item) for item in value)
        return {k: self._wrapped(v) for k, v in value.items()} if type(value) is dict else value

    def _ask(
        self, request: dict[str, Any], tensors: list[torch.Tensor], seconds: float
    ) -> tuple[dict[str, Any], list[torch.Tensor]]:
        if self._dead is not None:
            raise self._dead
        # An unforeseeable number: an answer written before the question was asked does not fit it.
        request["id"] = secrets.token_hex(8)
        watch = _Watch(self, seconds)
        try:
            self._send(wire.pack(request, tensors), watch)
            reply, out = wire.read_frame(lambda count: self._receive(count, watch))
        except wire.WireError as error:
            raise self._die(Verdict.TAMPERED, f"the process sent {error}") from error
        except EOFError:
            if not self._zygote_lives():
                raise WardenError("the zygote ended in the middle of a submission") from None
            raise self._die(Verdict.ERROR, "the process ended in the middle of its work") from None
        self._drain()
        if reply.get("id") != request["id"]:
            raise self._die(Verdict.TAMPERED, "the process answered a question that was not asked")
        return reply, out

    # --- bytes ------------------------------------------------------------------------------------------------

    def _send(self, data: bytes, watch: _Watch) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view[: 1 << 20]) :]
            except BlockingIOError:
                watch.wait(writing=True)
            except OSError:
                raise EOFError from None

    def _receive(self, count: int, watch: _Watch) -> bytearray:
        # A frame is read in three parts; taking what has come at once saves most of the waiting and system calls.
        while len(self._received) < count:
            watch.wait()
            try:
                piece = self._sock.recv(1 << 20)
            except BlockingIOError:
                continue
            except OSError:
                raise EOFError from None
            if not piece:
                raise EOFError
            self._received += piece
        taken = self._received[:count]
        del self._received[:count]
        return taken

    def _drain(self) -> None:
        """Take what the cell has printed so far. Raises `CellDied` when it is more than allowed."""
        while True:
            try:
                piece = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if not piece:
                return
            self._printed_total += len(piece)
            if len(self.printed) < KEPT_OUTPUT:
                self.printed += piece[: KEPT_OUTPUT - len(self.printed)]
            if self._printed_total > self.limits.output_kb << 10:
                raise self._die(Verdict.OUTPUT, f"it printed more than {self.limits.output_kb} kB")

    # --- life and death ---------------------------------------------------------------------------------------

    def _die(self, verdict: Verdict, detail: str) -> CellDied:
        self._dead = CellDied(verdict, detail)
        self._kill()
        return self._dead

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill everything in the cell. The kernel ends every process of a PID namespace with its first one."""
        self._kill()
        with contextlib.suppress(CellDied):
            self._drain()
        self._sock.close()
        for fd in (self._output, self._pidfd):
            with contextlib.suppress(OSError):
                os.close(fd)

    def _seal(self) -> None:
        """From the first call on the cell makes no thread and no process, whose work nobody would count."""
        if self._sealed:
            return
        self._ask({"do": "close"}, [], self.limits.call_seconds)
        # The kernel's word for it, not the cell's; what may not be raised again holds from now on.
        if "Max processes             1                    1 " not in Path(f"/proc/{self._pid}/limits").read_text():
            raise self._die(Verdict.TAMPERED, "the process did not close itself to further threads and processes")
        self._sealed = True
        # One thread that can make no other is watched no more: there is nothing beside it to watch.
        self._only_one = len(os.listdir(f"/proc/{self._pid}/task")) == 1 and len(_tree(self._pid)) == 1

    def _elsewhere(self) -> int:
        """Nanoseconds that the cell's threads and processes beside its first thread have worked."""
        try:
            for _ in range(20):
                first = _thread_ns(self._pid)
                total = sum(_process_ns(pid) for pid in _tree(self._pid))
                if _thread_ns(self._pid) == first:
                    break  # the first thread stood still meanwhile, so that the difference is exact
                time.sleep(0.0001)
            return total - first
        except OSError:
            return 0

    def memory(self) -> int:
        """Bytes that the whole cell holds of its own above its start: all its processes, shared memory and files."""
        return sum(_resident(pid) for pid in _tree(self._pid)) + _files(self._pid) - self.base_memory

    def exceeds(self, amount: int) -> bool:
        """Whether the whole cell holds more than ``amount`` bytes of its own."""
        # What its processes have mapped is no less than what they hold, and is told a hundred times as fast.
        mapped = sum(_mapped(pid) for pid in _tree(self._pid)) + _files(self._pid)
        return mapped - self.base_memory > amount and self.memory() > amount

    def processor_seconds(self) -> float:
        """Processor time that the cell has used, all its processes together."""
        return sum(_processor(pid) for pid in _tree(self._pid))


class _Watch:
    """Clocks one request: waits for bytes and meanwhile looks after the cell's time, memory and output."""

    def __init__(self, cell: Cell, seconds: float) -> None:
        self._cell, self._seconds = cell, seconds
        self._started = time.monotonic()
        self._next_look = self._started + TICK
        # Most requests end before the first look, and looking costs more than many of them do.
        self._processor: float | None = None

    def wait(self, writing: bool = False) -> None:
        cell = self._cell
        sock = [cell._sock]
        while True:
            pause = max(0.0, self._next_look - time.monotonic())
            ready, writable, _ = select.select(
                [*(() if writing else sock), cell._output], sock if writing else [], [], pause
            )
            if time.monotonic() >= self._next_look:
                self._look()
            if cell._output in ready:
                before = cell._printed_total
                cell._drain()
                if cell._printed_total == before and not writing and cell._sock not in ready:
                    # The write end of the pipe is closed: wait for the socket alone, without spinning.
                    select.select(sock, [], [], TICK)
            if writable or cell._sock in ready:
                return

    def _look(self) -> None:
        cell = self._cell
        if cell.exceeds(cell.limits.memory_mb << 20):
            raise cell._die(Verdict.MEMORY, f"it used more than {cell.limits.memory_mb} MB of memory")
        elapsed, used = time.monotonic() - self._started, cell.processor_seconds()
        if self._processor is None:
            self._processor = used - elapsed
        if elapsed > self._seconds * WALL_CLOCK_FACTOR or elapsed > self._seconds < used - self._processor:
            raise cell._die(Verdict.TIMEOUT, f"it took longer than {self._seconds:g} s")
        self._next_look = time.monotonic() + TICK


# --- what crosses -------------------------------------------------------------------------------------------------


class RemoteObject:
    """A value that stayed in its cell, such as a module that the student built. It can be called."""

    def __init__(self, cell: Cell, handle: wire.Handle) -> None:
        self._cell, self.handle, self.type = cell, handle.id, handle.type

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it with plain values and return a plain value."""
        return self._cell.call(Call(self.handle, Mode.VALUE, args, kwargs)).value

    def __repr__(self) -> str:
        return f"<a {self.type} of the student's>"


def _order(call: Call, forbidden: int, tensors: list[torch.Tensor]) -> dict[str, Any]:
    """A call as it is sent, its tensors added to those of the frame; ``forbidden`` is the place of its patterns."""
    args = [wire.Handle(a.handle, "") if isinstance(a, RemoteObject) else a for a in call.args]
    given = wire.encode((args, dict(call.kwargs), call.upstream), tensors, _known_handle, strided=True)
    return {"function": call.function, "mode": call.mode, "given": given, "forbidden": forbidden}


def _counts(told: dict[str, int]) -> dict[str, int]:
    """How often each operator was used, as a cell tells it. Raises `ValueError` when there are more than there are."""
    counts = {str(name): int(count) for name, count in told.items()}
    if len(counts) > 1000:
        raise ValueError("more operators than there are")
    return counts


def _known_handle(value: Any) -> int:
    if isinstance(value, wire.Handle):
        return value.id
    raise wire.WireError(f"a suite cannot send a {type(value).__name__} across the wall")


def _error_record(error: Any) -> dict[str, str]:
    record = error if isinstance(error, dict) else {}
    caps = {"kind": 80, "message": 2000, "where": 300}
    found = {key: str(record.get(key, ""))[:cap] for key, cap in caps.items()}
    if not found["kind"].isidentifier():
        found["kind"] = "Exception"
    return found


def _student_error(error: Any) -> StudentError:
    record = _error_record(error)
    return student_error(record["kind"], record["message"], record["where"])


# --- the kernel's own view of a cell ------------------------------------------------------------------------------


def _pid_of(pidfd: int) -> int:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise WardenError("the kernel does not name the process behind a pidfd")


def _tree(pid: int) -> list[int]:
    """A process and all below it. Orphans in a PID namespace move to its first process, so the tree is the cell."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                text = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found += [int(child) for child in text.split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _resident(pid: int) -> int:
    """Anonymous and shared-memory pages of one process in bytes, a page shared by n processes counted as 1/n in each.

    Without the shares a process forked from a large one would be charged for all that it has not yet changed.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def _mapped(pid: int) -> int:
    """Anonymous and shared-memory pages that one process has mapped, in bytes, whoever else shares them."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))


def _files(pid: int) -> int:
    """Bytes in the cell's own file systems, which are memory as well."""
    used = 0
    for place in SCRATCH:
        with contextlib.suppress(OSError):
            about = os.statvfs(f"/proc/{pid}/root{place}")
            used += (about.f_blocks - about.f_bfree) * about.f_frsize
    return used


def _process_ns(pid: int) -> int:
    """Nanoseconds of processor time of a process, its ended threads included, by the clock that the kernel keeps."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0


def _thread_ns(pid: int) -> int:
    """Nanoseconds of processor time of a process's first thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def _processor(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
