"""Networks that pages show are trained once a build and kept in the course's folder `_build/trained`.

The environment variable `PIXELWISE_TRAINED` names another folder: there networks are trained again, and timed. Beside
the weights of each network lies a file that says how long its training took.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock
from torch import nn

import pixelwise
from pixelwise import files

PACKAGE = Path(__file__).parent
COURSE = PACKAGE.parents[1]
VARIABLE = "PIXELWISE_TRAINED"
Network = TypeVar("Network", bound=nn.Module)


def ready(what: str, sources: Iterable[Path], build: Callable[[], Network], train: Callable[[], Network]) -> Network:
    """Return what `train()` returns, or its weights in `build()`, on the course's device, if they were kept before.

    `what` names the network and its seed; `sources` are the files of the library that say how it is made and trained.
    Kept weights are used only for the same `what`, version of PyTorch and kind of device, and while these files, the
    losses, the data, the zoo and the training loop are what they were.
    """
    kept = _kept(what, sources)
    if kept is None:
        return train()
    kept.parent.mkdir(parents=True, exist_ok=True)
    # Pages are run side by side: the second that asks for a network waits until the first has trained it.
    with FileLock(kept.with_suffix(".lock")):
        if kept.exists():
            network = build()
            network.load_state_dict(torch.load(kept, map_location="cpu", weights_only=True))
            return network.to(pixelwise.device()).eval()
        clock, processor = time.perf_counter(), time.process_time()
        network = train()
        if pixelwise.device().type == "cuda":
            torch.cuda.synchronize()
        took = {"seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
        with files.whole(kept) as new:
            torch.save({name: value.cpu() for name, value in network.state_dict().items()}, new)
        said = {"network": what} | {name: round(value, 2) for name, value in took.items()}
        files.write_whole(kept.with_suffix(".json"), json.dumps(said))
        return network


def folder() -> Path | None:
    """Return the folder of trained networks; None where the library is installed outside of the course."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    return COURSE / "_build" / "trained" if (COURSE / "_config.yml").exists() else None


def trainings(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return what was trained in `folder`, by file, the oldest first: "network", "seconds" and "processor_seconds"."""
    found = sorted(folder.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path))
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in found}


def _kept(what: str, sources: Iterable[Path]) -> Path | None:
    place = folder()
    if place is None:
        return None
    decides = hashlib.sha256(f"{what} {torch.__version__} {pixelwise.device().type}".encode())
    always = (PACKAGE / "losses.py", PACKAGE / "train" / "loop.py")
    in_folders = (source for name in ("data", "zoo") for source in (PACKAGE / name).glob("*.py"))
    for source in sorted((*always, *in_folders, *sources)):
        decides.update(source.read_bytes())
    return place / f"{decides.hexdigest()[:20]}.pt"
