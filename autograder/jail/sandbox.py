"""One submission's sandbox, seen from outside: requests go in, values come out, and it is clocked, capped and killed.

Nothing that comes from a sandbox is believed but plain values. One that breaks a limit or the protocol is dead from
then on, and `SandboxDied` says with which verdict.
"""

import contextlib
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from autograder.course.limits import Limits
from autograder.course.verdict import Verdict
from autograder.jail import answers, processes, protocol
from autograder.measure.calls import Call, Mode, Outcome
from autograder.suite.errors import StudentError

Answer = TypeVar("Answer")
TICK = 0.05  # seconds between two looks at a busy sandbox
SHORTEST_TICK = 0.002
# Bytes below the limit at which a sandbox ends: for what it takes until the next look, and for what the kernel keeps
# for the mappings of a process, of which there are 65,530 at most.
BETWEEN_LOOKS = 32 << 20
FILLED_A_SECOND = os.cpu_count() * (8 << 30)  # more bytes than all threads of a sandbox can touch for the first time
WALL_CLOCK_FACTOR = 4  # a call may take this many times its processor time by the clock, for a machine that is busy
TO_IDLE = 0.1  # seconds that a process which has answered is given to wait for the next request
IDLE_NS = 1_000_000  # nanoseconds that threads which only wake and sleep again may use during a measured call
KEPT_OUTPUT = 20_000  # bytes of what a submission printed that a report keeps


class SandboxDied(StudentError):
    """A sandbox that was killed, or ended, while it worked on a request."""

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__("", detail, verdict=verdict)

    @property
    def detail(self) -> str:
        """How the sandbox ended, in words."""
        return self.message


class SupervisorError(Exception):
    """A failure on our side of the wall; the submission is not to blame and is graded again."""


@dataclass
class Budget:
    """The time of one submission: what its sandboxes may use together, and have used in requests that have ended."""

    seconds: float
    elapsed: float = 0.0  # seconds that requests took
    used: float = 0.0  # seconds of processor time of the sandboxes that were closed

    @property
    def sentence(self) -> str:
        """What is said of a submission that has used it up."""
        return f"the submission has used up the {self.seconds:g} s that it has for all its cells and tests together"

    def exhausted(self, elapsed: float = 0.0, used: Callable[[], float] = lambda: 0.0) -> bool:
        """Whether nothing is left, with what a living sandbox took beside it."""
        elapsed += self.elapsed
        return elapsed > self.seconds and _too_long(elapsed, self.used + used(), self.seconds)


class Sandbox:
    """One submission's process. Not used after it died, nor after `close`."""

    def __init__(
        self,
        sock: socket.socket,
        output: int,
        pidfd: int,
        limits: Limits,
        budget: Budget,
        tell: answers.Tell,
        zygote_lives: Callable[[], bool],
    ) -> None:
        self.budget, self._tell, self._zygote_lives = budget, tell, zygote_lives
        self._out_of_memory_before = processes.out_of_memory_kills()
        self._sock, self._output, self.pidfd, self.limits = sock, output, pidfd, limits
        self.pid = processes.pid_of(pidfd)
        self.printed = bytearray()
        self._received = bytearray()
        self._printed_total = 0
        self._dead: SandboxDied | None = None
        self.base_memory = 0
        self._sealed = False
        self._only_one = False

    # --- requests ---------------------------------------------------------------------------------------------

    def run(self, source: str) -> dict[str, str] | None:
        """Run one cell of the notebook. Returns None, or the error that it ended with. Raises `SandboxDied`."""
        return self._ask(
            {"do": "run", "source": source},
            [],
            self.limits.cell_seconds,
            lambda reply, _: answers.error_record(reply["error"]) if "error" in reply else None,
        )

    def names(self, names: Sequence[str]) -> set[str]:
        """Which of ``names`` are callable in the notebook's namespace. Raises `SandboxDied`."""
        return self._ask(
            {"do": "names", "names": list(names)},
            [],
            self.limits.call_seconds,
            lambda reply, _: answers.names(reply["names"], names),
        )

    def call(self, call: Call) -> Outcome:
        """Make one call. Raises `StudentError` for the student's errors, and `SandboxDied`."""
        (outcome,), operators = self.calls([call])
        if isinstance(outcome, StudentError):
            raise outcome
        return replace(outcome, operators=operators)

    def timed(self, call: Call) -> tuple[Outcome, float]:
        """Make one call; returns its outcome, and the seconds of processor time that the whole sandbox used for it.

        They are the kernel's own count, from outside: taking the inputs in and sending the value belong to the call.
        Raises as `call` does.
        """
        self._seal()
        return self._clocked(lambda: self.call(call))

    def crossing(self) -> float:
        """The same seconds of a request in which nothing is called. Raises `SandboxDied`."""
        return self._clocked(lambda: self.names(()))[1]

    def _clocked(self, ask: Callable[[], Answer]) -> tuple[Answer, float]:
        self._wait_until_idle()
        before = self._used_ns()
        answer = ask()
        self._wait_until_idle()
        return answer, (self._used_ns() - before) / 1e9

    def calls(self, calls: Sequence[Call]) -> tuple[list[Outcome | StudentError], dict[str, int]]:
        """Make calls, one after another in the time of one: the outcome or the error of each, and all their operators.

        The operators are those of all the calls together. Raises `SandboxDied`, which does not say by which call.
        """
        self._seal()
        measured = 0 if self._only_one else sum(call.mode is Mode.WORK for call in calls)
        elsewhere = self._elsewhere() if measured else 0
        tensors: list[torch.Tensor] = []
        forbidden = list(dict.fromkeys(call.forbidden for call in calls))
        asked = [_request_of(call, forbidden.index(call.forbidden), tensors) for call in calls]
        outcomes, operators = self._ask(
            {"do": "calls", "calls": asked, "forbidden": forbidden},
            tensors,
            self.limits.call_seconds,
            lambda reply, out: answers.outcomes(calls, reply, out, self._remote, self._tell),
        )
        if len(outcomes) != len(calls):  # of several calls nobody knows whose fault that is
            raise self._die(Verdict.ERROR, outcomes[0].detail)
        if measured and self._elsewhere() - elsewhere > measured * IDLE_NS:
            raise self._die(Verdict.TAMPERED, "another thread of the notebook worked during a measured call")
        return outcomes, operators

    @property
    def death(self) -> SandboxDied | None:
        """What the sandbox died of, and the values that stayed in it with it."""
        return self._dead

    def _remote(self, stayed: protocol.Handle) -> "RemoteObject":
        return RemoteObject(self, stayed.id, stayed.type)

    def _ask(
        self,
        request: dict[str, Any],
        tensors: list[torch.Tensor],
        seconds: float,
        judge: Callable[[dict[str, Any], list[torch.Tensor]], Answer],
    ) -> Answer:
        """What ``judge`` makes of the answer to a request. Raises `SandboxDied`."""
        if self._dead is None and self.budget.exhausted(used=self.processor_seconds):
            self._die(Verdict.TIMEOUT, self.budget.sentence)
        if self._dead is not None:
            raise self._dead
        # An unforeseeable number: an answer written before the question was asked does not fit it.
        request["id"] = secrets.token_hex(8)
        frame = protocol.pack(request, tensors)
        watch = _RequestWatch(self, seconds)
        # The one guard: from here on whatever goes wrong with what arrives is the submission's doing.
        try:
            self._send(frame, watch)
            reply, out = protocol.read_frame(lambda count: self._receive(count, watch))
            self._drain()
            if reply.get("id") != request["id"]:
                raise protocol.ProtocolError("an answer to a question that was not asked")
            return judge(reply, out)
        except SandboxDied:
            raise
        except EOFError:
            raise self._ended() from None
        except Exception as error:
            why = f"sent {error}" if isinstance(error, protocol.ProtocolError) else "answered with what is no answer"
            raise self._die(Verdict.TAMPERED, f"the process {why}") from error
        finally:
            self.budget.elapsed += watch.elapsed()

    def _ended(self) -> Exception:
        """Why the process is there no more: by its own doing, or by what befell the machine."""
        if not self._zygote_lives():
            return SupervisorError("the zygote ended in the middle of a submission")
        if processes.out_of_memory_kills() > self._out_of_memory_before:
            return SupervisorError("the machine ran out of memory in the middle of a submission")
        return self._die(Verdict.ERROR, "the process ended in the middle of its work")

    # --- bytes ------------------------------------------------------------------------------------------------

    def _send(self, data: bytes, watch: "_RequestWatch") -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view[: 1 << 20]) :]
            except BlockingIOError:
                watch.wait(writing=True)
            except OSError:
                raise EOFError from None

    def _receive(self, count: int, watch: "_RequestWatch") -> bytearray:
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
        """Take what the sandbox has printed so far. Raises `SandboxDied` when it is more than allowed."""
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

    def _die(self, verdict: Verdict, detail: str) -> SandboxDied:
        self._dead = SandboxDied(verdict, detail)
        self._kill()
        return self._dead

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill everything in the sandbox. The kernel ends every process of a PID namespace with its first one."""
        self.budget.used += self.processor_seconds()
        self._kill()
        with contextlib.suppress(SandboxDied):
            self._drain()
        self._sock.close()
        for fd in (self._output, self.pidfd):
            with contextlib.suppress(OSError):
                os.close(fd)

    def _seal(self) -> None:
        """From the first call on the sandbox makes no thread, whose work nobody would count."""
        if self._sealed:
            return
        self._ask({"do": "seal"}, [], self.limits.call_seconds, lambda *_: None)
        # The kernel's word for it, not the sandbox's; what may not be raised again holds from now on.
        if not processes.can_start_nothing(self.pid):
            raise self._die(Verdict.TAMPERED, "the process did not close itself to further threads")
        self._sealed = True
        # One thread that can make no other is watched no more: there is nothing beside it to watch.
        self._only_one = processes.threads(self.pid) == 1

    def _elsewhere(self) -> int:
        """Nanoseconds that the sandbox's threads beside its first one have worked."""
        try:
            for _ in range(20):
                first = processes.thread_ns(self.pid)
                total = self._used_ns()
                if processes.thread_ns(self.pid) == first:
                    break  # the first thread stood still meanwhile, so that the difference is exact
                time.sleep(0.0001)
            return total - first
        except OSError:
            return 0

    def _wait_until_idle(self) -> None:
        """Let the process that has answered reach its wait for the next request, so that its clock stands.

        It is said to wait a moment before the kernel stops its clock, so it is looked at twice.
        """
        deadline, seen = time.monotonic() + TO_IDLE, 0
        while seen < 2 and time.monotonic() < deadline:
            seen = seen + 1 if processes.is_waiting(self.pid) else 0
            time.sleep(0.0001)

    def _used_ns(self) -> int:
        """Nanoseconds of processor time that the sandbox has used, all its threads together."""
        return processes.process_ns(self.pid)

    def memory(self) -> int:
        """Bytes that the whole sandbox holds of its own above its start: its process, shared memory and files."""
        return processes.resident(self.pid) + processes.scratch_used(self.pid) - self.base_memory

    def room(self) -> int:
        """At most so many bytes may the whole sandbox still take; negative when it holds more than its limit."""
        limit = self.base_memory + (self.limits.memory_mb << 20) - BETWEEN_LOOKS
        # What its process has mapped is no less than what it holds, and is told a hundred times as fast.
        room = limit - processes.mapped(self.pid) - processes.scratch_used(self.pid)
        return room if room >= 0 else limit - self.base_memory - self.memory()

    def processor_seconds(self) -> float:
        """Seconds of processor time that the sandbox has used, all its threads together."""
        return processes.processor_seconds(self.pid)


class _RequestWatch:
    """Clocks one request: waits for bytes and meanwhile looks after the sandbox's time, memory and output."""

    def __init__(self, sandbox: Sandbox, seconds: float) -> None:
        self._sandbox, self._seconds = sandbox, seconds
        self._started = time.monotonic()
        self._next_look = self._started + TICK
        # The least of processor time that was used before the request. It is found out at the first look: most requests
        # end before it, and looking costs more than many of them do.
        self._used_before: float | None = None

    def wait(self, writing: bool = False) -> None:
        sandbox = self._sandbox
        sock = [sandbox._sock]
        while True:
            pause = max(0.0, self._next_look - time.monotonic())
            ready, writable, _ = select.select(
                [*(() if writing else sock), sandbox._output], sock if writing else [], [], pause
            )
            if time.monotonic() >= self._next_look:
                self._look()
            if sandbox._output in ready:
                before = sandbox._printed_total
                sandbox._drain()
                if sandbox._printed_total == before and not writing and sandbox._sock not in ready:
                    # The write end of the pipe is closed: wait for the socket alone, without spinning.
                    select.select(sock, [], [], TICK)
            if writable or sandbox._sock in ready:
                return

    def elapsed(self) -> float:
        """Seconds since the request was made."""
        return time.monotonic() - self._started

    def _look(self) -> None:
        sandbox, budget = self._sandbox, self._sandbox.budget
        room = sandbox.room()
        if room < 0:
            raise sandbox._die(Verdict.MEMORY, f"it used more than {sandbox.limits.memory_mb} MB of memory")
        elapsed, used = self.elapsed(), sandbox.processor_seconds()
        if self._used_before is None:
            self._used_before = used - elapsed
        if _too_long(elapsed, used - self._used_before, self._seconds):
            raise sandbox._die(Verdict.TIMEOUT, f"it took longer than {self._seconds:g} s")
        if budget.exhausted(elapsed, lambda: used):
            raise sandbox._die(Verdict.TIMEOUT, budget.sentence)
        # The less room there is, the sooner it may be filled.
        self._next_look = time.monotonic() + min(TICK, max(SHORTEST_TICK, room / FILLED_A_SECOND))


def _too_long(elapsed: float, used: float, seconds: float) -> bool:
    """Whether more than ``seconds`` of processor time were used, or too many passed without that."""
    return (elapsed > seconds and used > seconds) or elapsed > seconds * WALL_CLOCK_FACTOR


@dataclass(frozen=True, eq=False)
class RemoteObject:
    """A value that stayed in its ``sandbox``, such as a module that the student built: its number there and its type.

    It stands for the value in a `Call` of that sandbox, as what is called or among the arguments.
    """

    sandbox: Sandbox
    handle: int
    type: str


def _request_of(call: Call, forbidden: int, tensors: list[torch.Tensor]) -> dict[str, Any]:
    """A call as it is sent, its tensors added to those of the frame; ``forbidden`` is the place of its patterns."""
    function = call.function.handle if isinstance(call.function, RemoteObject) else call.function
    given = protocol.encode((list(call.args), dict(call.kwargs), call.upstream), tensors, _known_handle, strided=True)
    return {"function": function, "mode": call.mode, "given": given, "forbidden": forbidden}


def _known_handle(value: Any) -> int:
    if isinstance(value, RemoteObject):
        return value.handle
    raise protocol.ProtocolError(f"a suite cannot send a {type(value).__name__} across the wall")
