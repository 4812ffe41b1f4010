"""The walls: what code in a cell can see, use and touch, and what happens to it when it takes more."""

import os
import time
from pathlib import Path

import pytest
import torch

from autograder.assignment import Limits
from autograder.calls import Call, Mode
from autograder.dialect import StudentError
from autograder.jail import wall
from autograder.jail.warden import CellDied, Warden
from autograder.report import Verdict

TIGHT = Limits(cell_seconds=2, call_seconds=1, memory_mb=300, output_kb=256, processes=20)


@pytest.fixture
def cell(warden):
    with warden.cell(TIGHT) as cell:
        yield cell


def value_of(cell, expression):
    """The value of a Python expression, evaluated in the cell."""
    error = cell.run(f"def answer():\n    import os, sys, socket, pathlib\n    return {expression}")
    assert error is None
    return cell.call(Call("answer", Mode.VALUE)).value


# --- what can be seen -------------------------------------------------------------------------------------------


def test_no_file_of_the_project_is_in_sight(cell):
    names = value_of(cell, "sorted(f for d, _, fs in os.walk('/jail') for f in fs)")
    assert names == sorted(Path(inside).name for inside in wall.INSIDE)
    for name in ("solutions", "autograder/suites", "gradebook.db", ".autograder", "submitted", ".git"):
        assert value_of(cell, f"os.path.exists({str(Path(__file__).parents[1] / name)!r})") is False


def test_no_process_is_in_sight(cell):
    assert value_of(cell, "os.listdir('/proc')") == []
    assert value_of(cell, "os.getpid()") == 1


def test_no_variable_of_ours_is_in_the_environment(warden, monkeypatch):
    monkeypatch.setenv("COURSE_PASSWORD", "hunter2")
    with Warden() as fresh, fresh.cell(TIGHT) as cell:
        assert "hunter2" not in value_of(cell, "str(dict(os.environ))")


def test_only_the_three_standard_descriptors_and_one_socket_are_open(cell):
    code = "[n for n in range(64) if not __import__('contextlib').suppress(OSError).__enter__() and _open(n)]"
    cell.run(
        "import os\ndef _open(n):\n    try:\n        os.fstat(n)\n        return True\n    except OSError:\n        return False"
    )
    assert value_of(cell, code) == [0, 1, 2, 3]


def test_the_network_is_empty(cell):
    assert value_of(cell, "[name for _, name in socket.if_nameindex()]") == ["lo"]
    cell.run("import socket\ndef dial(): socket.create_connection(('127.0.0.1', 80), 1)")
    with pytest.raises(OSError):
        cell.call(Call("dial", Mode.VALUE))


# --- what can be touched ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/x", "/usr/x", "/jail/autograder/work.py", "/etc/x", "/proc/x", "/dev/x"])
def test_nothing_but_scratch_space_can_be_written(cell, path):
    cell.run(f"def write(): open({path!r}, 'w').write('x')")
    with pytest.raises(OSError):
        cell.call(Call("write", Mode.VALUE))


def test_scratch_space_is_the_cells_own(warden):
    with warden.cell(TIGHT) as one, warden.cell(TIGHT) as two:
        one.run("open('/tmp/note', 'w').write('x'); open('/dev/shm/note', 'w').write('x')")
        assert value_of(one, "[os.path.exists(p) for p in ('/tmp/note', '/dev/shm/note')]") == [True, True]
        assert value_of(two, "[os.path.exists(p) for p in ('/tmp/note', '/dev/shm/note')]") == [False, False]


@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).unshare(0x10000000)",
        "ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
        "ctypes.CDLL(None).ptrace(16, 1, 0, 0)",
        "ctypes.CDLL(None).umount2(b'/proc', 2)",
        "ctypes.CDLL(None).chroot(b'/tmp')",
    ],
)
def test_the_kernel_refuses_to_move_a_wall(cell, attempt):
    assert value_of(cell, f"[__import__('ctypes') and (lambda ctypes: {attempt})(__import__('ctypes'))]") == [-1]


def test_it_runs_as_nobody_with_no_capability(cell):
    if os.geteuid() == 0:
        owner = Path(f"/proc/{cell._pid}").stat().st_uid
        assert owner == wall.NOBODY
    status = Path(f"/proc/{cell._pid}/status").read_text()
    for kind in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
        assert f"{kind}:\t{0:016x}" in status
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


# --- what can be used up ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("while True: pass", Verdict.TIMEOUT),
        ("import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass\ntime.sleep(99)", Verdict.TIMEOUT),
        ("import re; re.match(r'(a+)+$', 'a' * 40 + 'b')", Verdict.TIMEOUT),
        ("input_ = __import__('sys').stdin.read(); import os; r, w = os.pipe(); os.read(r, 1)", Verdict.TIMEOUT),
        ("x = bytearray(600 << 20)", Verdict.MEMORY),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", Verdict.MEMORY),
        ("import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(60 << 20); time.sleep(60)\ntime.sleep(60)", Verdict.MEMORY),
        ("for f in ('/tmp/a', '/dev/shm/b'): open(f, 'wb').write(bytes(60 << 20))\nx = bytearray(220 << 20); import time; time.sleep(60)", Verdict.MEMORY),
        ("while True: print('x' * 1000)", Verdict.OUTPUT),
        ("import os\nwhile True: os.write(2, b'x' * 65536)", Verdict.OUTPUT),
        ("import os; os._exit(0)", Verdict.ERROR),
        ("import ctypes; ctypes.string_at(0)", Verdict.ERROR),
        ("import os; os.close(3)", Verdict.ERROR),
        ("import os; os.write(3, b'\\xff' * 64)", Verdict.TAMPERED),
        ("import os, struct, json; t = json.dumps({'id': 'x'}).encode(); os.write(3, struct.pack('!IQ', len(t), 0) + t)", Verdict.TAMPERED),
    ],
)  # fmt: skip
def test_taking_too_much_ends_the_cell_with_the_verdict(cell, source, verdict):
    with pytest.raises(CellDied) as death:
        cell.run(source)
        cell.run("pass")
    assert death.value.verdict is verdict
    with pytest.raises(CellDied):
        cell.run("pass")


@pytest.mark.parametrize(
    "source",
    [
        "import os\nwhile True: os.fork()",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
    ],
)
def test_bombs_are_bounded(cell, source):
    try:
        error = cell.run(source)
    except CellDied as death:
        assert death.verdict in (Verdict.TIMEOUT, Verdict.MEMORY, Verdict.ERROR, Verdict.OUTPUT, Verdict.TAMPERED)
    else:
        assert error is not None


@pytest.mark.parametrize(
    "source",
    ["raise SystemExit", "exit()", "quit()", "import sys; sys.exit(0)", "raise KeyboardInterrupt", "1 / 0", "def f(:"],
)
def test_an_error_or_exit_is_an_error_and_the_next_cell_runs(cell, source):
    cell.run(source)
    assert cell.run("x = 1") is None


def test_a_full_scratch_space_is_the_submissions_own_error(cell):
    error = cell.run("for i in range(9): open(f'/tmp/{i}', 'wb').write(b'x' * (16 << 20))")
    assert error is not None and error["kind"] == "OSError"


def test_the_same_code_within_its_limits_is_not_touched(cell):
    assert cell.run("x = bytearray(100 << 20); print('x' * 1000); import time; time.sleep(0.5)") is None
    assert b"xxx" in cell.printed


def test_closing_a_cell_leaves_no_process_of_it(warden):
    with warden.cell(TIGHT) as cell:
        cell.run("import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid(); time.sleep(600)")
        pid = cell._pid
        assert len(list(Path(f"/proc/{pid}/task/{pid}").glob("children"))) == 1
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_a_dead_zygote_is_replaced(warden):
    with Warden() as fresh:
        fresh._zygote.process.kill()
        fresh._zygote.process.wait()
        with fresh.cell(TIGHT) as cell:
            assert cell.run("pass") is None


# --- calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "x = 7",
        "x = 10 %3 + 6",
        "%matplotlib inline\nx = 7",
        "%%time\nx = 7",
        "x = 7  # is it?",
        "dict?\nx = 7",
        "    y = 6\n    x = y + 1",
        "\n\nx = 7",
        ">>> x = 7",
        "text = '''\n%matplotlib inline\n!ls\n'''\nx = 7 if text.count('%') + text.count('!') == 2 else 0",
        "get_ipython().input_transformers_post.append(lambda lines: [l.replace('8', '7') for l in lines])\n",
        "async def later():\n    return 7\n\nx = await later()",
        "from __future__ import annotations\nx = 7",
    ],
)
def test_a_cell_means_what_it_means_in_jupyter(cell, source):
    assert cell.run(source) is None
    if "x =" not in source:
        assert cell.run("x = 8") is None
    assert cell.run("def f():\n    return x") is None
    assert cell.call(Call("f", Mode.VALUE)).value == 7


def test_the_line_of_an_error_is_the_notebooks(cell):
    for source in ("x = 1\n1 / 0", "%matplotlib inline\n1 / 0"):
        assert cell.run(source)["where"] == "line 2 of the cell: 1 / 0"
    assert cell.run("def f(:")["kind"] == "SyntaxError"


def test_a_call_returns_plain_values_and_shows_its_operators(cell):
    cell.run("import torch\ndef double(x, *, by=2): return {'y': (x * by,), 'n': by}")
    outcome = cell.call(Call("double", Mode.VALUE, (torch.ones(2, 3),), {"by": 3}, forbidden=("aten::mul",)))
    assert torch.equal(outcome.value["y"][0], torch.full((2, 3), 3.0)) and outcome.value["n"] == 3
    assert outcome.operators == {"aten::mul": 1}


def test_the_students_error_comes_out_as_itself(cell):
    cell.run("def fussy(x):\n    raise ValueError('too fussy')")
    with pytest.raises(ValueError) as caught:
        cell.call(Call("fussy", Mode.VALUE, (1,)))
    assert isinstance(caught.value, StudentError) and "too fussy" in caught.value.detail
    assert "line 2" in caught.value.where


def test_a_module_stays_inside_and_can_be_called(cell):
    cell.run("import torch\ndef build(n): return torch.nn.Flatten(n)")
    module = cell.call(Call("build", Mode.VALUE, (1,))).value
    assert module(torch.ones(2, 3, 4)).shape == (2, 12)


def test_gradients_and_arguments_come_back(cell):
    cell.run("def f(x, w):\n    out = x * w\n    w.data.add_(1)\n    return out")
    x, w = torch.full((2,), 3.0), torch.full((2,), 5.0)
    upstream = torch.tensor([1.0, 10.0])
    grad_x, _ = cell.call(Call("f", Mode.GRADIENTS, (x, w), {}, upstream)).value
    assert grad_x.shape == (2,)
    after = cell.call(Call("f", Mode.ECHO, (x, w))).arguments
    assert torch.equal(after[1], w + 1) and torch.equal(w, torch.full((2,), 5.0))


# --- no wall, no grading ----------------------------------------------------------------------------------------


def test_without_bubblewrap_there_is_no_grading(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(wall.WallError, match="bubblewrap"):
        wall.command(3)


def test_a_wall_that_does_not_stand_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(wall.WallError, match="No permissions to create new namespace"):
        Warden().__enter__()
