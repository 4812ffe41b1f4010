"""The process that every inmate is forked from: behind the wall, with the slow imports done and one thread.

It reads orders from the warden on the descriptor that its argument names. An order is a datagram with two descriptors,
an inmate's socket and the pipe for its output, and a JSON object of limits.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import json
import os
import random
import select
import socket
import sys
from typing import Any

from autograder import work
from autograder.jail import wire
from autograder.jail.inmate import Nursery, separate


def warm_up() -> Any:
    """Import what notebooks use and return an IPython shell."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot
    import numpy
    import torch
    import torch.nn.functional
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        """A shell with no window system to hook into and no terminal to leave."""

        def enable_gui(self, gui: str | None = None) -> None:
            pass

        def ask_exit(self) -> None:
            pass

        def transform_cell(self, raw_cell: str) -> str:
            """What IPython makes of a cell; what is Python already it would only take apart and put together again."""
            if self.input_transformers_post or not _is_python(raw_cell):
                return super().transform_cell(raw_cell)
            return raw_cell if raw_cell.endswith("\n") else raw_cell + "\n"

        def should_run_async(self, raw_cell: str, **options: Any) -> bool:
            """Whether a cell needs an event loop. Without one of these words none does, and nothing is compiled."""
            return ("await" in raw_cell or "async" in raw_cell) and super().should_run_async(raw_cell, **options)

    torch.set_num_threads(1)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"
    shell = Shell.instance(config=config)
    shell.run_cell("pass")  # the first run loads what every later one needs
    _touch_operators()
    # Every inmate inherits this state, so a submission's own use of random numbers repeats from grading to grading.
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
    return shell


def _is_python(source: str) -> bool:
    if source[:1].isspace():
        return False  # IPython leaves out the empty lines above, and the indentation that all lines share
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _touch_operators() -> None:
    """Run a few small operators, so that what PyTorch sets up on first use is set up once, not in every inmate.

    A thread does not survive a fork, so none may be running afterwards; with one thread PyTorch starts none.
    """
    import torch
    import torch.nn.functional as F

    from autograder import calls

    def layer(x: torch.Tensor) -> torch.Tensor:
        windows = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
        mixed = torch.einsum("nchwij,ocij->nohw", windows, torch.ones(2, 2, 3, 3))
        return F.conv2d(mixed, torch.ones(2, 2, 1, 1)).clamp(min=0).mean((2, 3)) @ torch.ones(2, 2)

    for mode in (calls.Mode.VALUE, calls.Mode.WORK):
        outcome = calls.perform(layer, mode, (torch.ones(1, 2, 5, 4),), {})
    tensors: list[torch.Tensor] = []
    stream = io.BytesIO(wire.pack({"value": wire.encode(outcome.value, tensors)}, tensors))
    wire.read_frame(lambda count: bytearray(stream.read(count)))
    torch.stack([torch.arange(6.0), torch.ones(6)]).double().max(1)
    calls.perform(layer, calls.Mode.GRADIENTS, (torch.ones(1, 2, 5, 4),), {}, torch.ones(1, 2))
    x = torch.ones(3, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(3))  # the first time it imports for as long as a submission takes
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("an operator started a thread, and an inmate could not use it")


def main() -> None:
    """Serve orders until the warden hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    if (user := int(os.environ.get("JAIL_USER", "0"))) and os.geteuid() == 0:
        # Outside root's reach: files readable by root alone, and root's exemption from limits.
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    separate()
    shell = warm_up()
    work.watch()
    gc.collect()
    gc.disable()
    gc.freeze()
    filter_program, _, _, _ = socket.recv_fds(control, 1 << 16, 0)
    nursery = Nursery(shell, filter_program)
    control.send(b"ready")
    while True:
        readable, _, _ = select.select([control], [], [], 1.0)
        _reap()
        if not readable:
            continue
        message, fds, _, _ = socket.recv_fds(control, 1 << 16, 2)
        if not message:
            sys.exit(0)
        if message == b"ping":
            with socket.socket(fileno=fds[0]) as asker, contextlib.suppress(OSError):
                asker.send(b"alive")
            continue
        cell, output = fds
        order = json.loads(message)
        for patterns in order["forbidden"]:
            work.prepare(tuple(patterns))
        gc.freeze()  # an inmate that looks at what every inmate has would copy it
        sock = socket.socket(fileno=cell)
        nursery.fork(sock, output, order)
        sock.close()
        os.close(output)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
