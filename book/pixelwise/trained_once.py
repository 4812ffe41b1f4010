"""Networks that pages show are trained once a build and kept in the course's folder `_build/trained`."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import torch
from filelock import FileLock
from torch import nn

import pixelwise
from pixelwise import files

PACKAGE = Path(__file__).parent
COURSE = PACKAGE.parents[1]
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
        network = train()
        with files.whole(kept) as new:
            torch.save({name: value.cpu() for name, value in network.state_dict().items()}, new)
        return network


def _kept(what: str, sources: Iterable[Path]) -> Path | None:
    if not (COURSE / "_config.yml").exists():
        return None  # installed somewhere else: there is no folder of a build
    decides = hashlib.sha256(f"{what} {torch.__version__} {pixelwise.device().type}".encode())
    always = (PACKAGE / "losses.py", PACKAGE / "train" / "loop.py")
    folders = (source for name in ("data", "zoo") for source in (PACKAGE / name).glob("*.py"))
    for source in sorted((*always, *folders, *sources)):
        decides.update(source.read_bytes())
    return COURSE / "_build" / "trained" / f"{decides.hexdigest()[:20]}.pt"
