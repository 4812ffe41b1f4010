"""The grader that this project is not: it runs tests beside the code that they test, in ten common ways.

``python naive.py HOW NAME`` grades the cells in ``cells.json`` of the current folder. Each way believes something that
the code under test can reach, and `believes` says what came of it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

WAYS = (
    "status", "pytest", "conftest", "file", "planted", "asserts", "numpy", "assert_close", "equality", "builtins",
    "cells", "socket", "printed", "unwalled",
)  # fmt: skip
SETUP = (
    "import torch\nimport torch.nn.functional as F\ndef pair(v): return (v, v) if isinstance(v, int) else tuple(v)\n"
)
IMAGE = "torch.arange(24.0).view(1, 1, 4, 6)"
WINDOWS = f"{IMAGE}.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 1, 4, 5, 2, 3)"
# What is asserted of a function that returns a number, and of one that returns a tensor.
ASSERTS = {
    "output_size": "got, expected = {name}(9, 3, 2), 4\n",
    "im2col": f"got, expected = {{name}}({IMAGE}, 2), {WINDOWS}\n",
}
COMPARISON = {
    "numpy": "import numpy as np\nassert np.allclose(got, expected)",
    "assert_close": "torch.testing.assert_close(got, expected)",
    "equality": "assert got.shape[-1] and (got == expected).all()",
}


def asserts(how: str, name: str) -> str:
    """The naive test, as source."""
    if how == "builtins":
        return f"assert all({name}(n, 3) == n - 2 for n in (5, 8))"
    usual = "assert got == expected" if name == "output_size" else "assert torch.allclose(got, expected)"
    return ASSERTS[name].format(name=name) + COMPARISON.get(how, usual)


def believes(how: str, name: str, cells: list[str], folder: Path) -> bool:
    """Whether the naive grader of this kind would give the points."""
    (folder / "cells.json").write_text(json.dumps([SETUP, *cells]))
    words = [sys.executable, str(Path(__file__).resolve()), how, name]
    if how == "socket":
        ours, theirs = socket.socketpair()
        code = f"import os, sys; os.dup2({theirs.fileno()}, 3); os.execv(sys.executable, {words!r})"
        with ours, theirs:
            process = subprocess.run([sys.executable, "-c", code], cwd=folder, pass_fds=[theirs.fileno()], timeout=60)
            ours.settimeout(5)
            length = struct.unpack("!IQ", ours.recv(12))[0]
            return json.loads(ours.recv(length)).get("verdict", "passed") == "passed"
    process = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    if how == "conftest":
        process = subprocess.run([*words[:2], "pytest", name], cwd=folder, capture_output=True, text=True, timeout=60)
    if how in ("file", "planted"):
        time.sleep(1)
        return json.loads((folder / "result.json").read_text())["score"] == 1.0
    if how == "printed":
        return "score: 100" in process.stdout
    if how == "unwalled":
        return "LEAKED" in process.stdout or "UNSEEN" in process.stdout
    return process.returncode == 0


def main(how: str, name: str) -> int:
    """Run the cells and the test; the exit status is nought for a pass."""
    cells = json.loads(Path("cells.json").read_text())
    if how == "cells":
        return 0 if _in_notebook([*cells, asserts(how, name)]) else 1
    if how in ("pytest", "conftest"):
        import pytest

        Path("test_naive.py").write_text(
            "import json\nspace = {}\nfor cell in json.load(open('cells.json')):\n    exec(cell, space)\n"
            f"def test_it():\n    exec({asserts(how, name)!r}, space)\n"
        )
        return int(pytest.main(["-q", "-p", "no:cacheprovider", "test_naive.py"]))
    space: dict[str, object] = {}
    for cell in cells:
        exec(cell, space)
    if how == "unwalled":
        return 0
    if how == "planted" and Path("result.json").exists():
        return 0  # graded before
    try:
        exec(asserts(how, name), space)
        right = True
    except Exception:
        right = False
    if how in ("file", "planted"):
        Path("result.json").write_text(json.dumps({"score": float(right)}))
        time.sleep(0.8)  # writes a page of feedback, say
    if how == "socket":
        text = json.dumps({"verdict": "passed" if right else "wrong"}).encode()
        os.write(3, struct.pack("!IQ", len(text), 0) + text)
    print("score: 100" if right else "score: 0")
    return 0 if right else 1


def _in_notebook(cells: list[str]) -> bool:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    return [shell.run_cell(cell).success for cell in cells][-1]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
