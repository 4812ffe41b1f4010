"""Opens a sandbox for each submission, in a zygote behind bubblewrap's wall."""

import contextlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Sequence

from autograder.course.limits import Limits
from autograder.jail.answers import Tell
from autograder.jail.bubblewrap import Zygote
from autograder.jail.errors import JailError
from autograder.jail.sandbox import Budget, Sandbox, SandboxDied, SupervisorError
from autograder.suite.errors import error_words


class Supervisor:
    """Opens sandboxes in a zygote: one that the supervisors of a run share by its ``control`` socket, or one of its
    own.

    Use it as a context manager.
    """

    def __init__(self, control: socket.socket | None = None) -> None:
        self.zygote: Zygote | None = None
        self._control = control
        self._base_memory: int | None = None

    def __enter__(self) -> "Supervisor":
        if self._control is None:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        self.zygote = Zygote()
        self.zygote.ready()
        self._control = self.zygote.control

    def _stop(self) -> None:
        if self.zygote is not None:
            self.zygote.stop()
        elif self._control is not None:
            self._control.close()
        self.zygote = self._control = None

    @contextlib.contextmanager
    def sandbox(
        self,
        limits: Limits,
        forbidden: Iterable[tuple[str, ...]] = (),
        budget: Budget | None = None,
        tell: Tell = error_words,
    ) -> Iterator[Sandbox]:
        """A fresh sandbox, killed with everything in it on leaving. Raises `SupervisorError` when none can be opened.

        Calls that note operators of the patterns ``forbidden`` find all that this takes prepared. ``budget`` is the
        time that several sandboxes of a submission share, and ``tell`` says what a report may tell of an error.
        """
        forbidden = sorted(forbidden)
        budget = budget or Budget(limits.submission_seconds)
        try:
            sandbox = self._open(limits, forbidden, budget, tell)
        except (OSError, SupervisorError):
            # A zygote that died is replaced once; if the next one fails as well, the fault is reported.
            self._stop()
            try:
                self._start()
                sandbox = self._open(limits, forbidden, budget, tell)
            except (OSError, JailError) as error:
                raise SupervisorError(f"no sandbox could be opened: {error}") from error
        try:
            yield sandbox
        finally:
            sandbox.close()

    def zygote_lives(self) -> bool:
        """Whether the zygote answers. A sandbox that ended with its zygote did not end by the student's doing."""
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

    def _open(self, limits: Limits, forbidden: Sequence[tuple[str, ...]], budget: Budget, tell: Tell) -> Sandbox:
        if self._control is None:
            raise SupervisorError("the zygote ended")
        ours, theirs = socket.socketpair()
        output, written = os.pipe()
        order = {
            "tmpfs": limits.scratch_mb << 20,
            "memory": limits.memory_mb << 20,
            "threads": limits.threads,
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
                raise SupervisorError(f"no sandbox could be opened: {answer.get('why', 'no process to hold')}")
        except BaseException:
            ours.close()
            os.close(output)
            raise
        ours.setblocking(False)
        os.set_blocking(output, False)
        sandbox = Sandbox(ours, output, fds[0], limits, budget, tell, self.zygote_lives)
        try:
            # Its first answer shows that its process stands behind all of its walls; no code of the submission ran yet.
            sandbox.names([])
        except SandboxDied as death:
            sandbox.close()
            said = sandbox.printed.decode("utf-8", "replace").strip()
            raise SupervisorError(f"no sandbox could be built: {said or death.detail}") from death
        if self._base_memory is None:
            self._base_memory = sandbox.memory()
        sandbox.base_memory = self._base_memory
        return sandbox
