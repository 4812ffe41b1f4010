"""What the book's pages and a few operators take and give on a CPU and on a GPU: two records, and how they are shown.

    python -m pixelwise.devices cpu     # all pages with cells, here; writes cpu.json (`make record-cpu`)
    python -m pixelwise.devices gpu     # the same on a GPU; writes gpu.json (`make record-gpu`)

`pages` reads a page's cells, `cells` runs them in a process of their own, `operators` times single operators in
another, and `record` starts these processes and keeps what each gave. `shown` makes the tables and figures of the page
*CPU and GPU* from the two records. Nobody edits a record by hand.
"""

import json
from pathlib import Path
from typing import Any

KINDS = ("cpu", "gpu")


def place(kind: str) -> Path:
    """Return the file of the record of `kind`, "cpu" or "gpu"."""
    return Path(__file__).with_name(f"{kind}.json")


def recorded(kind: str) -> dict[str, Any] | None:
    """Return the record of `kind`, "cpu" or "gpu", or None where nothing has been recorded yet."""
    return json.loads(place(kind).read_text(encoding="utf-8")) if place(kind).exists() else None
