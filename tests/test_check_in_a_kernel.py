"""What ``check`` says in a real kernel, where cells fail, are changed, take too long and are interrupted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

MANIFEST = """
title = "Small things"
due = 2026-12-01T23:59:00+00:00
[limits]
call_seconds = 0.5
[exercise.double]
title = "Twice as much"
points = 2
[exercise.triple]
title = "Three times as much"
points = 3
[exercise.essay]
title = "Why?"
points = 1
kind = "written"
"""
SUITE = """
from autograder.suite import assert_close, normal

def test_values(student, rng):
    "Every entry should be so many times what it was."
    x = normal(rng, 2, 3)
    assert_close(student.NAME(x), TIMES * x)

def test_of_nothing(student, rng):
    "Nothing stays nothing."
    x = normal(rng, 0, 3)
    assert_close(student.NAME(x), x)
"""
DOUBLE = "def double(x):\n    return 2 * x"
TRIPLE = "def triple(x):\n    return double(x) + x"
BROKEN = "def double(x:\n    return 2 * x"
PASSES = "✓ Twice as much: all 2 tests pass"


class Kernel:
    """A kernel that runs cells as JupyterLab asks it to: each with an id."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(folder))

    def send(self, source: str, cell: str | None = None) -> str:
        """Ask for a run of a cell and return the id of the request."""
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def said(self, request: str) -> str:
        """What a run shows as text, when it is done; of an error its type."""
        said = ""
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "display_data" | "execute_result":
                    said += content["data"]["text/plain"]
                case "stream":
                    said += content["text"]
                case "error":
                    said += content["ename"]
                case "status" if content["execution_state"] == "idle":
                    self.client.get_shell_msg(timeout=120)
                    return said

    def run(self, source: str, cell: str | None = None) -> str:
        """Run a cell and return what it shows."""
        return self.said(self.send(source, cell))

    def check(self, name: str = "double") -> str:
        """What a check shows, white space evened out."""
        return " ".join(self.run(f'check("{name}")').split())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("assignment")
    (folder / "assignment.toml").write_text(MANIFEST)
    (folder / "tests").mkdir()
    for name, times in (("double", "2"), ("triple", "3")):
        text = SUITE.replace("NAME", name).replace("TIMES", times)
        (folder / "tests" / f"test_{name}.py").write_text(text)
    kernel = Kernel(folder)
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)
    shutil.rmtree(folder)


@pytest.fixture
def kernel(running: Kernel) -> Kernel:
    """A kernel in which nothing is defined, as after a restart, and whose runs are counted from 1."""
    forget = "import sys; [sys.modules.pop(m) for m in list(sys.modules) if m.startswith('autograder.check')]"
    events = "[get_ipython().events.callbacks[e].clear() for e in ('pre_run_cell', 'post_run_cell')]"
    running.run(f"{forget}; {events}; get_ipython().reset()")
    assert running.run("from autograder.check import check", "setup") == ""
    return running


# --- what is tested is what the cell says --------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["solution", None])
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (BROKEN, "SyntaxError: '(' was never closed (line 1: def double(x:)"),
        ("def double(x):\nreturn 2 * x", "IndentationError"),
        ("def double(x):\n    return 2 * x\n    nonlocal x", "SyntaxError"),
        ("nothing_here\n" + DOUBLE, "NameError: name 'nothing_here' is not defined (line 1: nothing_here)"),
        ("@nothing_here\n" + DOUBLE, "NameError"),
        ("double = 2 *", "SyntaxError"),
        ("%%time\n" + BROKEN, "SyntaxError"),
        ("%%capture\n" + BROKEN, ""),
    ],
)
def test_a_cell_that_fails_is_not_taken_for_what_it_defined_before(kernel, source, problem, cell):
    kernel.run(DOUBLE, cell)
    assert PASSES in kernel.check()
    kernel.run(source, cell)
    said = kernel.check()
    assert "could not be checked" in said and "So double is still as it was defined in [2]." in said
    assert f"Nothing was tested, for cell [4] failed: {problem}" in said


def test_once_the_cell_is_mended_it_is_tested_again(kernel):
    for source in (DOUBLE, BROKEN, DOUBLE):
        kernel.run(source, "solution")
    assert PASSES in (said := kernel.check())
    assert "Tested: double as cell [4] defined it." in said


@pytest.mark.parametrize("source", ["dfe double(x):\n    return 2 * x", "double(x)):\n    return 2 * x"])
def test_a_definition_that_cannot_be_recognised_is_known_by_its_cell(kernel, source):
    kernel.run(DOUBLE, "solution")
    kernel.run(source, "solution")
    assert "Nothing was tested, for cell [3] failed: SyntaxError" in kernel.check()


@pytest.mark.parametrize("source", ["def doubled(x):\n    return 2 * x", "pass"])
def test_a_function_that_its_cell_no_longer_defines_is_not_tested(kernel, source):
    kernel.run(DOUBLE, "solution")
    kernel.run(source, "solution")
    assert "Nothing was tested: cell [3] no longer defines double, and what is left is as it was defined in [2]." in (
        kernel.check()
    )


def test_a_function_that_moved_to_another_cell_is_tested_as_that_defines_it(kernel):
    kernel.run(DOUBLE, "solution")
    kernel.run("pass", "solution")
    kernel.run(DOUBLE, "another")
    assert "Tested: double as cell [4] defined it." in kernel.check()


def test_a_function_that_was_deleted_is_not_there(kernel):
    kernel.run(DOUBLE, "solution")
    kernel.run("del double")
    assert "There is no function called double yet" in kernel.check()


def test_a_cell_that_never_worked_is_named_as_the_reason_that_there_is_nothing_to_test(kernel):
    kernel.run(BROKEN, "solution")
    assert "Nothing was tested, for cell [2] failed: SyntaxError" in (said := kernel.check())
    assert "So double does not exist." in said


def test_a_helper_whose_cell_failed_is_not_taken_for_what_it_was(kernel):
    kernel.run(DOUBLE, "helper")
    kernel.run(TRIPLE, "solution")
    kernel.run(BROKEN, "helper")
    assert "So double, which triple uses, is still as it was defined in [2]." in kernel.check("triple")


def test_a_number_whose_cell_failed_is_not_taken_for_what_it_was(kernel):
    kernel.run("FACTOR = 2", "number")
    kernel.run("def double(x):\n    return [FACTOR * row for row in [x]][0]", "solution")
    kernel.run("FACTOR = 3 +", "number")
    assert "So FACTOR, which double uses, is still as it was defined in [2]." in kernel.check()


@pytest.mark.parametrize(
    "source",
    [
        DOUBLE + "\ndouble(1, 2, 3)",
        DOUBLE + "\nfor i in range(3):\n    nothing_here",
        "x = 1\n" + DOUBLE + "\nraise KeyboardInterrupt",
        "%%time\n" + DOUBLE + "\nnothing_here",
    ],
)
def test_what_a_cell_defined_before_it_failed_is_tested(kernel, source):
    kernel.run("def double(x):\n    return 3 * x", "solution")
    kernel.run(source, "solution")
    assert PASSES in kernel.check()


def test_a_cell_that_fails_and_has_nothing_to_do_with_the_function_is_no_matter(kernel):
    kernel.run(DOUBLE, "solution")
    kernel.run("y = double(", "scratch")
    kernel.run("def other(:\n    double = 3", "scratch")
    assert PASSES in kernel.check()


@pytest.mark.parametrize(
    "source", ["  def double(x):\n      return 2 * x", "double = lambda x: 2 * x", "%%time\n" + DOUBLE]
)
def test_a_definition_of_another_form_is_known(kernel, source):
    kernel.run(BROKEN, "solution")
    kernel.run(source, "solution")
    assert "Tested: double as cell [3] defined it." in kernel.check()


@pytest.mark.parametrize("source", ["globals()['double'] = lambda x: 2 * x", "exec('def double(x): return 2 * x')"])
def test_a_function_that_came_about_in_a_way_of_its_own_is_tested(kernel, source):
    kernel.run(DOUBLE, "solution")
    kernel.run(BROKEN, "solution")
    kernel.run(source, "another")
    assert PASSES in (said := kernel.check())
    assert "Tested: " not in said


@pytest.mark.parametrize("before", [DOUBLE, BROKEN])
def test_a_check_in_the_cell_that_defines_the_function_tests_that(kernel, before):
    kernel.run(before, "solution")
    said = kernel.run(DOUBLE + '\ncheck("double")', "solution")
    assert PASSES in said and "Tested: double as cell [3]" in said


def test_what_was_run_before_the_import_is_known_by_its_source(running):
    forget = "import sys; [sys.modules.pop(m) for m in list(sys.modules) if m.startswith('autograder.check')]"
    events = "[get_ipython().events.callbacks[e].clear() for e in ('pre_run_cell', 'post_run_cell')]"
    running.run(f"{forget}; {events}; get_ipython().reset()")
    running.run(DOUBLE)
    running.run(BROKEN)
    running.run("from autograder.check import check")
    assert "Nothing was tested, for cell [2] failed: SyntaxError" in running.check()


# --- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("    while True:\n        pass", "2: while True:"),
        ("    import time\n    time.sleep(3600)", "3: time.sleep(3600)"),
        ("    while True:\n        try:\n            x = x + 1\n        except Exception:\n            pass", ""),
    ],
)
def test_a_call_that_does_not_end_is_stopped_and_its_line_named(kernel, body, line):
    kernel.run("def double(x):\n" + body, "solution")
    said = kernel.check()
    assert "0 of 2 tests pass" in said and "✗ Values (too slow)" in said
    assert f"double took longer than 0.5 s and was stopped in line {line}" in said
    assert "The same stops “Of nothing”." in said
    kernel.run(DOUBLE, "solution")
    assert PASSES in kernel.check()


def test_a_measured_call_that_does_not_end_is_stopped_and_the_next_counts_right(kernel):
    gate = (
        "import pytest\nfrom autograder.suite import loop_free, normal\n@pytest.mark.gate\n"
        "def test_no_loops(student, rng):\n    'Free of loops.'\n"
        "    loop_free(student.double, lambda n: (normal(rng, n),), lambda x: 2 * x)\n"
        "def test_one(student):\n    'One.'\n    assert student.double(1) == 2\n"
    )
    suite = Path(kernel.run("import os; print(os.getcwd())").strip()) / "tests" / "test_double.py"
    before = suite.read_text()
    suite.write_text(gate)
    try:
        kernel.run("def double(x):\n    while True:\n        y = 2 * x", "solution")
        assert "was stopped in line" in kernel.check()
        kernel.run(DOUBLE, "solution")
        assert PASSES in kernel.check()
    finally:
        suite.write_text(before)


def test_an_operator_that_cannot_be_interrupted_is_told_when_it_is_done(kernel):
    # One step of Python's, in which it listens to nobody.
    kernel.run("def double(x):\n    return sum(range(80_000_000)) * x", "solution")
    said = kernel.check()
    assert "s, and a call may take 0.5 s. It could not be stopped before it was done." in said


def test_an_interruption_names_the_test_and_the_line(kernel):
    kernel.run("import time\ndef double(x):\n    open('started', 'w').close()\n    time.sleep(3600)", "solution")
    folder = Path(kernel.run("import os; print(os.getcwd())").strip())
    request = kernel.send('check("double")')
    while not (folder / "started").exists():
        time.sleep(0.01)
    kernel.manager.interrupt_kernel()
    said = " ".join(kernel.said(request).split())
    assert "The check was interrupted in the test “Values” before it was done." in said
    assert "It was in line 4 of double: time.sleep(3600)." in said
    (folder / "started").unlink()
    kernel.run(DOUBLE, "solution")
    assert PASSES in kernel.check()


# --- everything ----------------------------------------------------------------------------------------------------


def test_a_check_of_everything_shows_where_one_stands(kernel):
    kernel.run(DOUBLE)
    kernel.run("def triple(x):\n    return x.new_zeros(x.shape)")
    said = kernel.run("check()")
    assert said.splitlines()[0] == (
        "Small things: 3.5 of 5 points by the tests that you have, and up to 1 more when a person has read your answers"
    )
    assert "✓     2 of 2  Twice as much (double)" in said
    assert "◐   1.5 of 3  Three times as much (triple)" in said and "1 of 2 tests pass; not “Values”" in said
    assert "○     ? of 1  Why?" in said
    assert "The hidden tests decide the grade" in said
