"""The process that runs one submission: enters its cell, then runs cells and serves calls until it is told to stop.

Everything here runs inside the wall. It holds no test, no expected value and no secret, and the warden outside believes
nothing of what it says but the values that it returns.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn

from autograder import calls
from autograder.jail import wire

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
SECCOMP_MODE_FILTER = 2
LAST_CAPABILITY = 40

_setrlimit = resource.setrlimit
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _check(_libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()), f"mount {target}")


def own_users(flags: int) -> None:
    """Enter a user namespace of this process's own, and with it, owned by it, the namespaces that ``flags`` names."""
    uid, gid = os.geteuid(), os.getegid()
    # A process that changed its user no longer owns its own files in /proc, and two of them are written next.
    _check(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")
    _unshare(CLONE_NEWUSER | flags)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"1000 {uid} 1")
    _write("/proc/self/gid_map", f"1000 {gid} 1")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def shut_in(limits: dict[str, Any], filter_program: bytes) -> None:
    """Build the rest of the cell around this process: its own small file systems, limits, no capability, few calls."""
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    size = f"size={limits['tmpfs']},nr_inodes=4096"
    _mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size + ",mode=700")
    _mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size + ",mode=700")
    # The cell has no view of any process, its own included: nothing a solution needs is there.
    _mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=0,mode=555")
    os.mkdir("/tmp/work")
    os.chdir("/tmp/work")
    for kind, amount in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_FSIZE, limits["tmpfs"]),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    _drop_capabilities()
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    install_filter(filter_program)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    none = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(header, none), "capset")


def install_filter(program: bytes) -> None:
    """Install a compiled seccomp filter (an array of ``struct sock_filter``) for good."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    memory = ctypes.create_string_buffer(program, len(program))
    described = Program(len(program) // 8, ctypes.cast(memory, ctypes.c_void_p))
    _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0), "seccomp")


class Inmate:
    """Serves the warden over ``sock``: runs cells in ``shell`` and calls what they define."""

    def __init__(self, sock: socket.socket, shell: Any) -> None:
        self._sock, self._shell = sock, shell
        self._handles: dict[int, Any] = {}
        self._received = bytearray()

    def serve(self) -> None:
        """Answer one request after another until the warden hangs up."""
        while True:
            try:
                request, tensors = wire.read_frame(self._read)
            except EOFError:
                return
            try:
                reply, out = self._answer(request, tensors)
            except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's errors too
                reply, out = {"error": self._describe(error)}, []
            reply["id"] = request["id"]
            try:
                frame = wire.pack(reply, out)
            except (wire.WireError, ValueError, TypeError, RuntimeError, MemoryError) as error:
                frame = wire.pack({"id": request["id"], "error": self._describe(error)})
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except Exception:
                    os.write(1, b"\n")
            self._sock.sendall(frame)

    def _answer(self, request: dict[str, Any], tensors: list[Any]) -> tuple[dict[str, Any], list[Any]]:
        if request["do"] == "run":
            return self._run(request["source"]), []
        if request["do"] == "names":
            space = self._shell.user_ns
            return {"names": [name for name in request["names"] if callable(space.get(name))]}, []
        if request["do"] == "close":
            _setrlimit(resource.RLIMIT_NPROC, (1, 1))
            return {}, []
        return self._calls(request["calls"], request["forbidden"], tensors)

    def _run(self, source: str) -> dict[str, Any]:
        result = self._shell.run_cell(source, store_history=True, silent=False)
        error = result.error_before_exec or result.error_in_exec
        return {"error": self._describe(error)} if error is not None else {}

    def _calls(
        self, asked: list[dict[str, Any]], forbidden: list[list[str]], tensors: list[Any]
    ) -> tuple[dict[str, Any], list[Any]]:
        """Make the calls of one round in their order; an error ends its own call and no other."""
        patterns = [tuple(each) for each in forbidden]
        replies: list[dict[str, Any]] = []
        out: list[Any] = []
        used: Counter[str] = Counter()
        for call in asked:
            try:
                replies.append(self._call(call, patterns[call["forbidden"]], tensors, out, used))
            except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's errors too
                replies.append({"error": self._describe(error)})
        return {"replies": replies, "operators": used}, out

    def _call(
        self, call: dict[str, Any], forbidden: tuple[str, ...], tensors: list[Any], out: list[Any], used: Counter[str]
    ) -> dict[str, Any]:
        target = call["function"]
        function = self._handles[target] if isinstance(target, int) else self._shell.user_ns.get(target)
        if not callable(function):
            return {"absent": True}
        args, kwargs, upstream = wire.decode(call["given"], tensors, self._handles.__getitem__)
        outcome = calls.perform(function, calls.Mode(call["mode"]), args, kwargs, upstream, forbidden, used)
        reply = {"value": wire.encode([outcome.value, list(outcome.arguments)], out, self._keep)}
        if outcome.work is not None:
            reply["work"] = {
                "opcodes": outcome.work.opcodes, "operators": outcome.operators, "intact": outcome.work.intact
            }  # fmt: skip
        return reply

    def _keep(self, value: Any) -> int:
        number = len(self._handles) + 1
        self._handles[number] = value
        return number

    @staticmethod
    def _describe(error: BaseException) -> dict[str, str]:
        kind, message, where = calls.describe(error)
        return {"kind": kind[:80], "message": message[:2000], "where": where[:300]}

    def _read(self, count: int) -> bytearray:
        while len(self._received) < count:
            piece = self._sock.recv(1 << 20)
            if not piece:
                raise EOFError
            self._received += piece
        taken = self._received[:count]
        del self._received[:count]
        return taken


class Nursery:
    """Forks inmates, each the first process of a PID namespace of its own, which the kernel ends with it.

    The process that forks them has to own the PID namespace that it is in, or it could not turn back to it; `separate`
    sees to that. A process in between would do as well, and would cost every submission a second fork.
    """

    def __init__(self, shell: Any, filter_program: bytes) -> None:
        self._shell, self._filter = shell, filter_program
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        # Looked up once: in an inmate a look at every name would copy the memory that all of them are in.
        self._ours = [name for name in sys.modules if name.partition(".")[0] == "autograder"]

    def fork(self, sock: socket.socket, output: int, limits: dict[str, Any]) -> None:
        """Fork an inmate and send the warden, over ``sock``, its pidfd; or one line that says why there is none.

        The inmate builds its cell and then waits for requests, which come from a warden that can already kill it.
        """
        try:
            _unshare(CLONE_NEWPID)
            try:
                pid = os.fork()
                if pid == 0:
                    self._live(sock, output, limits)
            finally:
                _check(_libc.setns(self._home, CLONE_NEWPID), "setns")
            pidfd = os.pidfd_open(pid)
            try:
                socket.send_fds(sock, [json.dumps({"built": True}).encode()], [pidfd])
            finally:
                os.close(pidfd)
        except OSError as error:
            with contextlib.suppress(OSError):
                sock.sendall(json.dumps({"built": False, "why": str(error)}).encode())

    def _live(self, sock: socket.socket, output: int, limits: dict[str, Any]) -> NoReturn:
        try:
            os.setsid()
            os.dup2(output, 1)
            os.dup2(output, 2)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            own_users(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
            kept = os.dup2(sock.fileno(), 3)
            sock.detach()
            os.closerange(4, 1024)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as the process
            sys.stdout = open(1, "w", buffering=8192, errors="replace", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            shut_in(limits, self._filter)
            # The submission may import our modules, and gets copies that nothing here uses.
            for name in self._ours:
                del sys.modules[name]
            gc.enable()
            serve: Callable[[], None] = Inmate(socket.socket(fileno=kept), self._shell).serve
            serve()
        except BaseException as error:
            os.write(1, f"the cell ended: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(0)


def separate() -> None:
    """Go on in a child that is the first process of a PID namespace which it owns; the parent waits and ends as it."""
    own_users(CLONE_NEWPID)
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")
