"""The course library: what chapters and assignments import."""

import importlib.util
from pathlib import Path

import torch

__all__ = ["device"]


def device() -> torch.device:
    """Return the device that the course's cells run on: the first CUDA GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _declare_torchvision_operators() -> None:
    """Let `import torchvision` succeed beside a CPU-only torch, without standing in the way of a complete one.

    torchvision's import looks up two compiled operators and fails where its compiled half did not load. It is enough
    that their schemas exist; nothing in the course calls them. A schema may be defined only once, so torchvision's own
    library, where it loads, has to come first.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return
    for compiled in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(compiled)
        except OSError:
            continue
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_declare_torchvision_operators()
