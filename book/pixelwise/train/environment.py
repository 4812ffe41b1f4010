"""Where a run took place: the commit, the machine, the versions and the memory that it took."""

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import torch
import torchvision


def commit() -> str | None:
    """Return the commit of the code that ran, marked if files were changed since; None outside of a repository."""
    place = Path(__file__).parent
    words = ["git", "-C", str(place), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def machine_facts(device: torch.device) -> dict[str, Any]:
    """Return the system, the processor with its cores and PyTorch's threads, and the GPU where there is one."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), cpu)
    machine = {"system": platform.platform(), "cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    if device.type != "cuda":
        return machine
    return machine | {"gpu": torch.cuda.get_device_name(device), "driver": _driver()}


def _driver() -> str | None:
    """Return the version of NVIDIA's driver; None where its own program is not there to tell it."""
    words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")[0].strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_memory(device: torch.device) -> dict[str, int]:
    """Return the most memory that this process held so far, in MB: its own and, where there is one, the GPU's."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 10**6}
    return peak | ({"gpu": torch.cuda.max_memory_allocated(device) // 10**6} if device.type == "cuda" else {})


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute: where there is a GPU, cuDNN's too."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__}
    found["numpy"] = numpy.__version__
    if torch.cuda.is_available():
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    return found
