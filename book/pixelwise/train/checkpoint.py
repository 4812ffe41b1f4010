"""A run's state in one file, written whole, so that a run that was stopped anywhere goes on as if it had not been."""

import time
from pathlib import Path
from typing import Any, Protocol

import torch

from pixelwise import files


class Stateful(Protocol):
    """What has a state to keep: networks, optimisers, gradient scalers."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


class Checkpoint:
    """The file `path` of a run with the arguments `run`: the states of `parts` and of PyTorch's generators."""

    def __init__(self, path: Path, run: dict[str, Any], every: float, parts: dict[str, Stateful]) -> None:
        self.path, self.run, self.every, self.parts = path, run, every, parts
        self.written = time.monotonic()
        self.minutes = self.cpu_minutes = 0.0
        self.cpu = time.process_time()

    def restore(self) -> list[float]:
        """Put every part into the state that the file holds and return the losses so far; none without a file.

        Raises `ValueError` for a file that cannot be read, or of a run with other arguments.
        """
        if not self.path.exists():
            return []
        state = read(self.path)
        for name, value in self.run.items():
            if state["run"].get(name) != value:
                raise ValueError(
                    f"{self.path} belongs to a run with {name} {state['run'].get(name)}, not {value}: name another "
                    "checkpoint, or remove this one to start again."
                )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["generator"])
        torch.cuda.set_rng_state_all(state["cuda_generators"])
        self.minutes, self.cpu_minutes = state["minutes"], state["cpu_minutes"]
        return state["losses"]

    def keep(self, losses: list[float], last: bool) -> None:
        """Write the file if it is time to, or if this is the `last` step."""
        now = time.monotonic()
        if not last and now - self.written < self.every:
            return
        cpu = time.process_time()
        self.minutes += (now - self.written) / 60
        self.cpu_minutes += (cpu - self.cpu) / 60
        self.written, self.cpu = now, cpu
        state = {
            "run": self.run,
            "losses": losses,
            "minutes": self.minutes,
            "cpu_minutes": self.cpu_minutes,
            "generator": torch.get_rng_state(),
            "cuda_generators": torch.cuda.get_rng_state_all(),
            **{name: part.state_dict() for name, part in self.parts.items()},
        }
        with files.whole(self.path) as new:
            torch.save(state, new)


def read(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds: arguments, losses, minutes, network, optimiser, scaler, generators.

    Raises `ValueError` for a file that is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        complete = {"run", "losses", "minutes", "cpu_minutes", "network"} <= state.keys()
    except Exception:  # torch.load raises whatever its unpickler meets, in many lines
        complete = False
    if not complete:
        raise ValueError(f"{path} cannot be read as a checkpoint of a training run: remove it to start again.")
    return state
