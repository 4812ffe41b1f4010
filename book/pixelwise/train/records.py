"""Records of trainings that pages read: JSON that says where it was made, with a line for each run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pixelwise import files
from pixelwise.train.environment import commit, machine_facts, versions


def made_here(device: torch.device) -> dict[str, Any]:
    """Return the "commit", the "machine" and the "versions" of what this process trains on `device`."""
    return {"commit": commit(), "machine": machine_facts(device), "versions": versions()}


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record to `path`, its "runs" at the end and each on a line of its own."""
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items() if key != "runs"]
    lines.append(' "runs": [\n  ' + ",\n  ".join(json.dumps(run) for run in record["runs"]) + "\n ]")
    files.write_whole(path, "{\n" + ",\n".join(lines) + "\n}\n")
