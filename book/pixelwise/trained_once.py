"""Networks that pages show are trained once a build and kept in the course's folder `_build/trained`."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from filelock import FileLock
from torch import nn

import pixelwise
from pixelwise import files


def ready(
    what: str, protocol: Path, sources: Iterable[Path], build: Callable[[], nn.Module], train: Callable[[], nn.Module]
) -> nn.Module:
    """Return what `train()` returns, or its weights in `build()`, on the course's device, if they were kept before.

    `what` names the network and its seed, `protocol` is the file of the library that says how it is trained. Kept
    weights are used only for the same `what`, version of PyTorch and kind of device, and while that file, the losses,
    the data, the zoo, the training loop and the further `sources` are what they were.
    """
    kept = _kept(what, protocol, sources)
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
            torch.save(network.state_dict(), new)
        return network


def _kept(what: str, protocol: Path, sources: Iterable[Path]) -> Path | None:
    package = protocol.parent
    if not (package.parents[1] / "_config.yml").exists():
        return None  # installed somewhere else: there is no folder of a build
    decides = hashlib.sha256(f"{what} {torch.__version__} {pixelwise.device().type}".encode())
    own = (protocol, package / "losses.py", *(package / "data").glob("*.py"), *(package / "zoo").glob("*.py"))
    for source in sorted((*own, package / "train" / "loop.py", *sources)):
        decides.update(source.read_bytes())
    return package.parents[1] / "_build" / "trained" / f"{decides.hexdigest()[:20]}.pt"
