"""Forks the process of each sandbox from the zygote."""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from autograder.jail.inside import namespaces
from autograder.jail.inside.server import SandboxServer


class Spawner:
    """Forks the process of each sandbox, the first of a PID namespace of its own, which the kernel ends with it.

    The process that forks them has to own the PID namespace that it is in, or it could not turn back to it; `separate`
    sees to that. A process in between would do as well, and would cost every submission a second fork.
    """

    def __init__(self, shell: Any, filter_program: bytes) -> None:
        self._shell, self._filter = shell, filter_program
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        # Looked up once: in a sandbox a look at every name would copy the memory that all of them are in.
        self._ours = [name for name in sys.modules if name.partition(".")[0] == "autograder"]

    def fork(self, sock: socket.socket, output: int, limits: dict[str, Any]) -> None:
        """Fork a process and send the supervisor, over ``sock``, its pidfd; or one line that says why there is none.

        It confines itself and then waits for requests, which come from a supervisor that can already kill it.
        """
        try:
            namespaces.unshare(namespaces.CLONE_NEWPID)
            try:
                pid = os.fork()
                if pid == 0:
                    self._serve(sock, output, limits)
            finally:
                namespaces.set_pid_namespace(self._home)
            pidfd = os.pidfd_open(pid)
            try:
                socket.send_fds(sock, [json.dumps({"built": True}).encode()], [pidfd])
            finally:
                os.close(pidfd)
        except OSError as error:
            with contextlib.suppress(OSError):
                sock.sendall(json.dumps({"built": False, "why": str(error)}).encode())

    def _serve(self, sock: socket.socket, output: int, limits: dict[str, Any]) -> NoReturn:
        try:
            os.setsid()
            os.dup2(output, 1)
            os.dup2(output, 2)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            namespaces.enter_own_namespaces(namespaces.OF_A_SANDBOX)
            kept = os.dup2(sock.fileno(), 3)
            sock.detach()
            os.closerange(4, 1024)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as the process
            sys.stdout = open(1, "w", buffering=8192, errors="replace", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            namespaces.confine(limits, self._filter)
            # The submission may import our modules, and gets copies that nothing here uses.
            for name in self._ours:
                del sys.modules[name]
            gc.enable()
            serve: Callable[[], None] = SandboxServer(socket.socket(fileno=kept), self._shell).serve
            serve()
        except BaseException as error:
            os.write(1, f"the sandbox ended: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(0)
