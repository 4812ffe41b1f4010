"""Files of the library are written whole or not at all, also when the writer is killed."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pixelwise
from pixelwise import files

LIBRARY = Path(pixelwise.__file__).parent
KILLED = """
import os, signal, sys
from pathlib import Path
from pixelwise.files import whole
with whole(Path(sys.argv[1])) as new:
    with new.open("w") as file:
        file.write("half of it")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a" / "b.txt"
    files.write_whole(path, "first ä\n")
    files.write_whole(path, "second\n")
    assert path.read_text(encoding="utf-8") == "second\n"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(RuntimeError), files.whole(path) as new:
        new.write_text("half of it")
        raise RuntimeError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", ["before", None])
def test_a_kill_while_writing_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "file"
    if before is not None:
        path.write_text(before)
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_text() if path.exists() else None) == before


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_no_file_of_the_library_is_written_another_way(path):
    """`torch.save` and the like may write only what `whole` gives, which is called `new`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called.endswith((".write_text", ".write_bytes")) and called.partition(".")[0] != "new":
            found.append(ast.unparse(node))
        if called in ("torch.save", "json.dump", "np.save", "np.savez") and ast.unparse(node.args[1]) != "new":
            found.append(ast.unparse(node))
        if called.split(".")[-1] == "open" and any(
            isinstance(value, ast.Constant) and isinstance(value.value, str) and set(value.value) & set("wax")
            for value in (*node.args[called == "open" :], *(k.value for k in node.keywords if k.arg == "mode"))
        ):
            found.append(ast.unparse(node))
    assert found == []
