"""The walls: what code in a sandbox can see, use and touch, and what happens to it when it takes more."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from autograder.course.limits import Limits
from autograder.course.verdict import Verdict
from autograder.jail import bubblewrap, processes
from autograder.jail.sandbox import Budget, SandboxDied
from autograder.jail.supervisor import Supervisor
from autograder.measure.calls import Call, Mode
from autograder.suite.errors import StudentError, student_error

TIGHT = Limits(cell_seconds=2, call_seconds=1, memory_mb=300, output_kb=256, threads=20)


@pytest.fixture
def sandbox(supervisor):
    with supervisor.sandbox(TIGHT) as sandbox:
        yield sandbox


def value_of(sandbox, expression):
    """The value of a Python expression, evaluated in the sandbox."""
    error = sandbox.run(f"def answer():\n    import os, sys, socket, pathlib\n    return {expression}")
    assert error is None
    return sandbox.call(Call("answer", Mode.VALUE)).value


# --- what can be seen -------------------------------------------------------------------------------------------


def test_no_file_of_the_project_is_in_sight(sandbox):
    places = value_of(sandbox, "sorted(os.path.join(d, f) for d, _, fs in os.walk('/jail') for f in fs)")
    assert places == sorted(f"/jail/autograder/{place}" for place in bubblewrap.files_inside())
    assert {Path(place).relative_to("/jail/autograder").parts[0] for place in places} == {
        "__init__.py", "check", "jail", "measure"
    }  # fmt: skip
    for name in ("solutions", "autograder/grading", "gradebook.db", ".autograder", "submitted", ".git"):
        assert value_of(sandbox, f"os.path.exists({str(Path(__file__).parents[1] / name)!r})") is False


def test_nothing_that_can_be_read_names_the_course_or_its_owner(supervisor):
    """Compiled files name where they were compiled; `make course` compiles them under the name that they have inside."""
    with supervisor.sandbox(Limits(cell_seconds=120)) as sandbox:
        found = _files_that_name(sandbox, [str(Path(__file__).parents[1]), sys.prefix, sys.base_prefix])
    assert found == [True, []]


def _files_that_name(sandbox, places):
    folders = ["/jail", "/etc", bubblewrap.ENVIRONMENT, bubblewrap.INSTALLATION]
    names = ("*.py", "*.pth", "*.cfg", "*.json", "*.txt", "*.toml", "RECORD", "METADATA", "Makefile", "*.pc")
    sandbox.run(
        "import pathlib\n"
        f"told = [place.encode() for place in {places} if not place.startswith('/usr')]\n"
        f"files = [file for folder in {folders} for name in {names} for file in pathlib.Path(folder).rglob(name)]\n"
        "read = [file for file in files if file.is_file() and file.stat().st_size < 1 << 20]\n"
        "found = [str(file) for file in read if any(place in file.read_bytes() for place in told)]"
    )
    return value_of(sandbox, "[len(read) > 1000, found]")


@pytest.mark.parametrize("folder", ["/usr/src", "/usr/local/src"])
def test_the_places_where_people_keep_their_work_are_empty(sandbox, folder):
    assert value_of(sandbox, f"os.listdir({folder!r}) if os.path.exists({folder!r}) else []") == []


def test_no_process_is_in_sight(sandbox):
    assert value_of(sandbox, "os.listdir('/proc')") == []
    assert value_of(sandbox, "os.getpid()") == 1


def test_no_variable_of_ours_is_in_the_environment(supervisor, monkeypatch):
    monkeypatch.setenv("COURSE_PASSWORD", "hunter2")
    with Supervisor() as fresh, fresh.sandbox(TIGHT) as sandbox:
        assert "hunter2" not in value_of(sandbox, "str(dict(os.environ))")


def test_only_the_three_standard_descriptors_and_one_socket_are_open(sandbox):
    code = "[n for n in range(64) if not __import__('contextlib').suppress(OSError).__enter__() and _open(n)]"
    sandbox.run(
        "import os\ndef _open(n):\n    try:\n        os.fstat(n)\n        return True\n    except OSError:\n        return False"
    )
    assert value_of(sandbox, code) == [0, 1, 2, 3]


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"])
def test_the_only_sockets_are_pairs(sandbox, family):
    assert value_of(sandbox, "[s.fileno() > 2 for s in socket.socketpair()]") == [True, True]
    sandbox.run(f"import socket\ndef dial(): socket.socket(socket.{family}, socket.SOCK_DGRAM)")
    with pytest.raises(OSError):
        sandbox.call(Call("dial", Mode.VALUE))


# --- what can be touched ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/x", "/usr/x", "/jail/autograder/measure/work.py", "/etc/x", "/proc/x", "/dev/x"])
def test_nothing_but_scratch_space_can_be_written(sandbox, path):
    sandbox.run(f"def write(): open({path!r}, 'w').write('x')")
    with pytest.raises(OSError):
        sandbox.call(Call("write", Mode.VALUE))


def test_scratch_space_is_the_cells_own(supervisor):
    with supervisor.sandbox(TIGHT) as one, supervisor.sandbox(TIGHT) as two:
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
def test_the_kernel_refuses_to_move_a_wall(sandbox, attempt):
    assert value_of(sandbox, f"[__import__('ctypes') and (lambda ctypes: {attempt})(__import__('ctypes'))]") == [-1]


def test_it_runs_as_nobody_with_no_capability(sandbox):
    if os.geteuid() == 0:
        owner = Path(f"/proc/{sandbox.pid}").stat().st_uid
        assert owner == bubblewrap.NOBODY
    status = Path(f"/proc/{sandbox.pid}/status").read_text()
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
def test_taking_too_much_ends_the_cell_with_the_verdict(sandbox, source, verdict):
    with pytest.raises(SandboxDied) as death:
        sandbox.run(source)
        sandbox.run("pass")
    assert death.value.verdict is verdict
    with pytest.raises(SandboxDied):
        sandbox.run("pass")


@pytest.mark.parametrize(
    "source",
    [
        "x = bytearray(600 << 20)",
        "import torch\nx = torch.ones(600 << 18)",
        "import numpy\nx = numpy.ones(600 << 17)",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
    ],
)
def test_what_one_process_takes_too_much_is_its_error_or_its_end(sandbox, source):
    try:
        error = sandbox.run(source)
    except SandboxDied as death:
        assert death.verdict is Verdict.MEMORY
    else:
        assert student_error(**error).verdict is Verdict.MEMORY


def test_a_bomb_of_threads_is_bounded(sandbox):
    """How a bomb ends is a race; how many threads it has while it runs is not."""
    most = 0
    with ThreadPoolExecutor(1) as pool:
        source = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()"
        ended = pool.submit(sandbox.run, source)
        while not ended.done():
            most = max(most, processes.threads(sandbox.pid))
    assert 2 < most <= TIGHT.threads
    assert ended.exception() is not None or ended.result() is not None


@pytest.mark.parametrize(
    "attempt",
    [
        "os.fork()",
        "os.forkpty()",
        "__import__('ctypes').CDLL(None).vfork()",
        "__import__('ctypes').CDLL(None).syscall(56, 17, 0, 0, 0, 0)",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
        "__import__('subprocess').run(['true'])",
        "__import__('multiprocessing').get_context('fork').Process().start()",
    ],
)
def test_there_is_no_other_process(sandbox, attempt):
    error = sandbox.run(f"import os\nif {attempt} == -1: raise OSError('refused')")
    assert isinstance(student_error(**error), OSError)


def test_a_notebook_with_a_shell_command_goes_on(sandbox):
    assert sandbox.run("!pip install torch\nfiles = !ls\n%cd /tmp\nlines = len(files)") is None
    assert value_of(sandbox, "lines") == 0


@pytest.mark.parametrize(
    "source",
    ["raise SystemExit", "exit()", "quit()", "import sys; sys.exit(0)", "raise KeyboardInterrupt", "1 / 0", "def f(:"],
)
def test_an_error_or_exit_is_an_error_and_the_next_cell_runs(sandbox, source):
    sandbox.run(source)
    assert sandbox.run("x = 1") is None


def test_a_full_scratch_space_is_the_submissions_own_error(sandbox):
    error = sandbox.run("for i in range(9): open(f'/tmp/{i}', 'wb').write(b'x' * (16 << 20))")
    assert isinstance(student_error(**error), OSError)


def test_the_same_code_within_its_limits_is_not_touched(sandbox):
    assert sandbox.run("x = bytearray(100 << 20); print('x' * 1000); import time; time.sleep(0.5)") is None
    assert b"xxx" in sandbox.printed


def test_closing_a_sandbox_leaves_no_process_of_it(supervisor):
    with supervisor.sandbox(TIGHT) as sandbox:
        sandbox.run(
            "import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(600,)).start()"
        )
        pid = sandbox.pid
        assert processes.threads(pid) == 6
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_a_dead_zygote_is_replaced(supervisor):
    with Supervisor() as fresh:
        fresh.zygote.process.kill()
        fresh.zygote.process.wait()
        with fresh.sandbox(TIGHT) as sandbox:
            assert sandbox.run("pass") is None


def test_all_sandboxes_of_a_submission_share_a_budget(supervisor):
    budget = Budget(1.5)
    with supervisor.sandbox(TIGHT, budget=budget) as first:
        first.run("import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass")
    assert budget.used > 0.9 and not budget.exhausted()  # the kernel counts in hundredths, and its own
    with supervisor.sandbox(TIGHT, budget=budget) as second, pytest.raises(SandboxDied) as death:
        second.run("while True: pass")
    assert death.value.verdict is Verdict.TIMEOUT and "used up the 1.5 s" in death.value.detail
    assert budget.exhausted()


def test_many_short_requests_use_up_the_budget_as_well(supervisor):
    with supervisor.sandbox(TIGHT, budget=Budget(0.2)) as sandbox, pytest.raises(SandboxDied) as death:
        for _ in range(1000):
            sandbox.run("import time\nend = time.process_time() + 0.01\nwhile time.process_time() < end: pass")
    assert death.value.verdict is Verdict.TIMEOUT and "used up" in death.value.detail


def test_a_process_may_have_a_name_that_is_no_text(sandbox):
    named = "import ctypes, time\nctypes.CDLL(None).prctl(15, b'\\xff\\xfe)\\n', 0, 0, 0)\ntime.sleep(0.3)"
    assert sandbox.run(named) is None


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
def test_a_cell_means_what_it_means_in_jupyter(sandbox, source):
    assert sandbox.run(source) is None
    if "x =" not in source:
        assert sandbox.run("x = 8") is None
    assert sandbox.run("def f():\n    return x") is None
    assert sandbox.call(Call("f", Mode.VALUE)).value == 7


def test_the_line_of_an_error_is_the_notebooks(sandbox):
    for source in ("x = 1\n1 / 0", "%matplotlib inline\n1 / 0"):
        assert sandbox.run(source)["where"] == "line 2 of the cell: 1 / 0"
    assert sandbox.run("def f(:")["kind"] == "SyntaxError"


def test_a_call_returns_plain_values_and_shows_its_operators(sandbox):
    sandbox.run("import torch\ndef double(x, *, by=2): return {'y': (x * by,), 'n': by}")
    outcome = sandbox.call(Call("double", Mode.VALUE, (torch.ones(2, 3),), {"by": 3}, forbidden=("aten::mul",)))
    assert torch.equal(outcome.value["y"][0], torch.full((2, 3), 3.0)) and outcome.value["n"] == 3
    assert outcome.operators == {"aten::mul": 1}


def test_the_students_error_comes_out_as_itself(sandbox):
    sandbox.run("def fussy(x):\n    raise ValueError('too fussy')")
    with pytest.raises(ValueError) as caught:
        sandbox.call(Call("fussy", Mode.VALUE, (1,)))
    assert isinstance(caught.value, StudentError) and "too fussy" in caught.value.detail
    assert "line 2" in caught.value.where


def test_gradients_and_arguments_come_back(sandbox):
    sandbox.run("def f(x, w):\n    out = x * w\n    w.data.add_(1)\n    return out")
    x, w = torch.full((2,), 3.0), torch.full((2,), 5.0)
    upstream = torch.tensor([1.0, 10.0])
    grad_x, _ = sandbox.call(Call("f", Mode.GRADIENTS, (x, w), {}, upstream)).value
    assert grad_x.shape == (2,)
    after = sandbox.call(Call("f", Mode.ECHO, (x, w))).arguments
    assert torch.equal(after[1], w + 1) and torch.equal(w, torch.full((2,), 5.0))


# --- no wall, no grading ----------------------------------------------------------------------------------------


def test_without_bubblewrap_there_is_no_grading(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(bubblewrap.JailError, match="bubblewrap"):
        bubblewrap.command(3, {})


def test_a_wall_that_does_not_stand_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(bubblewrap.JailError, match="No permissions to create new namespace"):
        Supervisor().__enter__()
