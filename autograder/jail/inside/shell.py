"""The IPython shell that notebooks' cells run in, with the libraries imported that most of them use."""

import ast
import io
import os
import random
from typing import Any

from autograder.jail import protocol


def warm_up() -> Any:
    """Import what most notebooks use and return an IPython shell.

    A notebook may import whatever the environment holds; what is imported here is imported once for all of them.
    """
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot
    import numpy
    import torch
    import torch.nn.functional
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.text import LSString, SList
    from traitlets.config import Config

    class Shell(InteractiveShell):
        """A shell with no window system to hook into and no terminal to leave."""

        def enable_gui(self, gui: str | None = None) -> None:
            pass

        def ask_exit(self) -> None:
            pass

        def system(self, cmd: str) -> None:
            """Run no shell command, for there is no process but this one; and let a notebook that has one go on."""
            self.user_ns["_exit_code"] = 127

        def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
            """The output of no command."""
            self.system(cmd)
            return SList() if split else LSString()

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
    # Every sandbox inherits this state, so a submission's own use of random numbers repeats from grading to grading.
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
    """Run a few small operators, so that what PyTorch sets up on first use is set up once, not in every sandbox.

    A thread does not survive a fork, so none may be running afterwards; with one thread PyTorch starts none.
    """
    import torch
    import torch.nn.functional as F

    from autograder.measure import calls

    def layer(x: torch.Tensor) -> torch.Tensor:
        windows = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
        mixed = torch.einsum("nchwij,ocij->nohw", windows, torch.ones(2, 2, 3, 3))
        return F.conv2d(mixed, torch.ones(2, 2, 1, 1)).clamp(min=0).mean((2, 3)) @ torch.ones(2, 2)

    for mode in (calls.Mode.VALUE, calls.Mode.WORK):
        outcome = calls.perform(layer, mode, (torch.ones(1, 2, 5, 4),), {})
    tensors: list[torch.Tensor] = []
    stream = io.BytesIO(protocol.pack({"value": protocol.encode(outcome.value, tensors)}, tensors))
    protocol.read_frame(lambda count: bytearray(stream.read(count)))
    torch.stack([torch.arange(6.0), torch.ones(6)]).double().max(1)
    calls.perform(layer, calls.Mode.GRADIENTS, (torch.ones(1, 2, 5, 4),), {}, torch.ones(1, 2))
    x = torch.ones(3, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(3))  # the first time it imports for as long as a submission takes
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("an operator started a thread, and a sandbox could not use it")
