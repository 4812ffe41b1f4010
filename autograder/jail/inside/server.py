"""What runs one submission: a process in its sandbox that runs cells and serves calls until it is told to stop.

It holds no test, no expected value and no secret, and nothing outside believes what it says but the values that it
returns.
"""

import os
import resource
import socket
import sys
from collections import Counter
from typing import Any

from autograder.jail import protocol
from autograder.measure import calls
from autograder.measure.work import leave_uncounted

_setrlimit = resource.setrlimit


class SandboxServer:
    """Serves the supervisor over ``sock``: runs cells in ``shell`` and calls what they define."""

    def __init__(self, sock: socket.socket, shell: Any) -> None:
        self._sock, self._shell = sock, shell
        self._handles: dict[int, Any] = {}
        self._received = bytearray()

    def serve(self) -> None:
        """Answer one request after another until the supervisor hangs up."""
        while True:
            try:
                request, tensors = protocol.read_frame(self._read)
            except EOFError:
                return
            try:
                reply, out = self._answer(request, tensors)
            except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's errors too
                reply, out = {"error": self._describe(error)}, []
            reply["id"] = request["id"]
            try:
                frame = protocol.pack(reply, out)
            except (protocol.ProtocolError, ValueError, TypeError, RuntimeError, MemoryError) as error:
                frame = protocol.pack({"id": request["id"], "error": self._describe(error)})
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
        if request["do"] == "seal":
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
        """Make the calls of one request in their order; an error ends its own call and no other."""
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
        if isinstance(target, str) and not callable(function):
            return {"absent": True}
        args, kwargs, upstream = protocol.decode(call["given"], tensors, self._handles.__getitem__)
        mode = calls.Mode(call["mode"])

        def pack(value: Any) -> Any:
            return protocol.encode([value, []], out, self._keep)

        outcome = calls.perform(function, mode, args, kwargs, upstream, forbidden, used, pack)
        if mode is calls.Mode.WORK:
            reply = {"value": outcome.value}
        else:
            reply = {"value": protocol.encode([outcome.value, list(outcome.arguments)], out, self._keep)}
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
        caps = protocol.ERROR_CAPS
        return {key: text[:cap] for (key, cap), text in zip(caps.items(), calls.describe(error), strict=True)}

    def _read(self, count: int) -> bytearray:
        while len(self._received) < count:
            piece = self._sock.recv(1 << 20)
            if not piece:
                raise EOFError
            self._received += piece
        taken = self._received[:count]
        del self._received[:count]
        return taken


# What packs an answer is no work of the student's.
leave_uncounted(*protocol.PACKING, SandboxServer._call, SandboxServer._keep)
