"""What ``check("exercise")`` shows a student, on small suites in a folder of its own and in a real kernel."""

import base64
import io
import json
import linecache
import re
import signal
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from autograder.check import check, clock, examine, examine_all
from autograder.check import run as run_module
from autograder.check.clock import Clock
from autograder.check.differences import explain, shown_call
from autograder.check.growth import explanation
from autograder.check.page import as_html
from autograder.check.pictures import difference_text, panels
from autograder.check.text import as_text
from autograder.course.text import readable
from autograder.course.verdict import Verdict
from autograder.grading import session
from autograder.jail import sandbox
from autograder.measure.work import Work
from autograder.suite.loops import Measurement

MANIFEST = """
title = "Small things"
due = 2026-12-01T23:59:00+00:00
[exercise.double]
title = "Twice as much"
points = 2
loop_free = true
forbid = ["aten::mul*", "fractions"]
[exercise.essay]
title = "Why?"
points = 1
kind = "written"
"""

SUITE = """
import pytest
import torch
from autograder.suite.assertions import assert_close
from autograder.suite.loops import loop_free
from autograder.suite.inputs import normal

def test_values(student, rng):
    "Every entry should be `twice` what it was."
    x = normal(rng, 2, 3, 4, 5)
    assert_close(student.double(x), x + x)

def test_refuses_text(student):
    "Text has no double."
    with pytest.raises(TypeError):
        student.double("two")

@pytest.mark.gate
def test_no_loops(student, rng):
    "The work should not grow with the image."
    loop_free(student.double, lambda n: (normal(rng, n, n),), lambda x: x + x)
"""

RIGHT = """
def double(x):
    if isinstance(x, str):
        raise TypeError("text")
    return x + x
"""


class Page(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assignment.toml").write_text(MANIFEST)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_double.py").write_text(SUITE)
    return tmp_path


@pytest.fixture
def run(folder):
    def run(source: str, name: str = "double", suite: str = ""):
        if suite:
            (folder / "tests" / "test_double.py").write_text(suite)
        namespace: dict[str, object] = {"torch": torch, "__name__": "__main__"}
        # A cell's source is known to Python as a notebook makes it known.
        linecache.cache["<cell>"] = (len(source), None, source.splitlines(keepends=True), "<cell>")
        exec(compile(source, "<cell>", "exec"), namespace)
        return examine(name, folder, namespace)

    return run


def both(result) -> tuple[str, str]:
    """The text that the page shows and the plain text, white space evened out."""
    page = Page(as_html(result))
    assert not page.open
    return " ".join(page.text.split()), " ".join(as_text(result).split())


def verdicts(result) -> dict[str, Verdict]:
    return {test.name: test.verdict for test in result.tests}


def test_a_right_answer_passes_and_shows_its_counts(run):
    result = run(RIGHT)
    assert (result.verdict, len(result.passing), result.problem) == (Verdict.PASSED, 3, "")
    for shown in both(result):
        assert "all 3 tests pass" in shown
        assert "No loops" in shown
        assert re.search(r"\d+ Python steps and 1 operator at size 6 and 13 alike", shown)


def test_a_wrong_value_is_shown_with_its_reason_its_place_and_a_picture(run):
    result = run(
        RIGHT
        + "\nright = double\ndef double(x):\n    y = right(x)\n    if x.dim() == 4: y[1, 2, 0, 3] += 1\n    return y"
    )
    assert verdicts(result)["test_values"] is Verdict.WRONG
    for shown in both(result):
        assert "2 of 3 tests pass" in shown
        assert "1 of 120 values differs" in shown
        assert "[1, 2, 0, 3]" in shown
        assert "[1, 2, :, :]" in shown
        assert shown.index("Every entry should be twice what it was.") < shown.index("1 of 120")
        assert "assert_close(student.double(x), x + x)" in shown
    pictures = [attrs for tag, attrs in Page(as_html(result)).tags if tag == "svg"]
    assert [each["role"] for each in pictures] == ["img"] * 3
    assert pictures[2]["aria-label"].startswith("difference: 1 of 20 entries differs")
    assert "...+.\n" in as_text(result)


def test_the_failing_line_is_the_tests_own_also_where_a_helper_compares(run, folder):
    suite = (
        "def compare(got):\n    assert got == 4\n\n"
        "def test_four(student):\n    'Four.'\n    compare(student.double(1))\n"
    )
    (folder / "tests" / "test_double.py").write_text(suite)
    for shown in both(run("def double(x):\n    return 3\n")):
        assert "compare(student.double(1))" in shown
        assert "assert 3 == 4" in shown


def test_an_error_is_shown_with_the_students_line(run):
    result = run("def helper(x):\n    return x.nothing\n\ndef double(x):\n    return helper(x)\n")
    assert verdicts(result)["test_values"] is Verdict.ERROR
    for shown in both(result):
        assert "AttributeError: 'Tensor' object has no attribute 'nothing'" in shown
        assert "double, line 5 → helper, line 2" in shown
        assert "return x.nothing" in shown


def test_one_error_in_many_tests_is_told_once(run):
    result = run("def double(x):\n    raise KeyError('lost')\n")
    for shown in both(result):
        assert shown.count("KeyError: 'lost'") == 1
        assert "The same stops 2 tests more: “Refuses text”, “No loops”." in shown


def test_exit_in_a_function_ends_the_call_and_not_the_notebook(run):
    for shown in both(run("def double(x):\n    exit()\n")):
        assert "SystemExit" in shown


def test_an_error_about_arguments_is_about_the_signature_only_if_no_line_of_the_students_raised_it(run):
    for shown in both(run("def double():\n    return 0\n")):
        assert "keep its parameters' names, order and defaults" in shown
    for shown in both(run("def double(x):\n    return (lambda: 0)(x)\n")):
        assert "takes 0 positional arguments" in shown and "keep its parameters" not in shown


def test_a_test_that_waits_for_an_error_shows_the_call_and_what_it_returned(run):
    for shown in both(run("def double(x):\n    return x * 2\n", suite=SUITE.replace("mul*", "none"))):
        assert "It should raise TypeError, and it returned 'twotwo'." in shown
        assert "The call: double('two')" in shown


def test_what_a_call_returned_in_place_of_a_refusal_is_said_once(run):
    suite = (
        "from autograder.suite import assert_refuses\n\ndef test_refuses(student):\n    'Refuses.'\n"
        "    assert_refuses(student.double, 'two')\n"
    )
    for shown in both(run("def double(x):\n    return x * 2\n", suite=suite)):
        assert "It should raise ValueError, and it returned 'twotwo'." in shown


def test_a_test_that_fails_in_words_of_its_own_points_at_the_call(run):
    suite = (
        "import torch\nfrom autograder.suite import Failure\n\ndef test_adds(student):\n    'Adds.'\n"
        "    used = student.double.work(torch.ones(2, 3)).operators\n"
        "    if 'aten::add' not in used:\n        raise Failure(f'the call ran {len(used)}')\n"
    )
    for shown in both(run("def double(x):\n    return x.sum()\n", suite=suite)):
        assert "The call: double(float32 (2, 3))" in shown
        assert "used = student.double.work(torch.ones(2, 3)).operators" in shown
        assert "failed: raise" not in shown and "line: raise" not in shown


def test_the_call_that_a_failing_test_made_last_is_shown_with_its_arguments(run):
    suite = (
        "import torch\n\ndef test_pairs(student):\n    'Pairs.'\n"
        "    for n in (2, 3):\n        assert student.double(torch.ones(n, n), (n, 1), of=None) != 3\n"
    )
    for shown in both(run("def double(x, pair, of):\n    return len(x)\n", suite=suite)):
        assert "The call: double(float32 (3, 3), (3, 1), of=None)" in shown


@pytest.mark.parametrize("count", [1, 2])
def test_what_there_is_one_of_is_told_in_the_singular(run, count):
    suite = "def test_a(student):\n    'A.'\n    assert student.double(1) == 2\n"
    suite += "def test_b(student):\n    'B.'\n    assert student.double(1) == 2\n" if count == 2 else ""
    for shown in both(run("def double(x):\n    raise NotImplementedError\n", suite=suite)):
        assert ("2 tests will tell" if count == 2 else "1 test will tell") in shown
    one, ones = torch.zeros(3), torch.zeros(3)
    one[:count] = float("nan")
    assert explain(one, ones).clue.startswith(f"{count} of your values {'is' if count == 1 else 'are'} NaN")


@pytest.mark.parametrize("name", ["fractions.Fraction", "sys.settrace"])
def test_a_name_for_which_grading_gives_nothing_is_no_green(run, name):
    module = name.partition(".")[0]
    result = run(f"import {module}\n" + RIGHT.replace("return x", f"{name}\n    return x"))
    assert (len(result.passing), result.score) == (3, 0.0)
    for shown in both(result):
        assert "the values are right, and it uses what is not allowed here" in shown
        assert f"Line 6 uses {name}, which" in shown
        assert "✓ Twice as much" not in shown


def test_points_are_what_the_visible_tests_alone_would_give(run):
    assert run(RIGHT).score == 2.0
    assert run(RIGHT + "\nplus = double\ndef double(x):\n    return torch.stack([plus(r) for r in x])\n").score == 1.0
    assert run("def double(x):\n    raise NotImplementedError\n").score == 0.0


# --- a check of everything -----------------------------------------------------------------------------------------


def test_a_check_of_everything_lists_the_questions_that_a_person_reads(folder):
    shown, plain = both(examine_all(folder, {"double": lambda x: x + x, "torch": torch}))
    assert "1 of 2 points by the tests that you have, and up to 1 more when a person has read your answers" in shown
    assert "2 of 3 tests pass; not “Refuses text”" in shown
    assert "? of 1" in shown and "read and graded by a person" in plain


def test_a_check_of_everything_says_why_there_is_nothing_to_check(tmp_path):
    for shown in both(examine_all(tmp_path, {})):
        assert f"There is no assignment.toml in {tmp_path}" in shown


def test_nothing_in_a_check_of_everything_becomes_markup(folder):
    title = hostile("title").replace("\ud800", "")
    (folder / "assignment.toml").write_text(MANIFEST.replace('"Small things"', json.dumps(title)))
    text = as_html(examine_all(folder, {}))
    assert {tag for tag, _ in Page(text).tags} <= TAGS | {"table", "thead", "tbody", "tr", "th", "td"}
    assert "title" + HOSTILE in Page(text).text


def test_after_an_interruption_nothing_else_is_tested(folder):
    manifest = (folder / "assignment.toml").read_text()
    (folder / "assignment.toml").write_text(manifest + '[exercise.triple]\ntitle = "Thrice"\npoints = 1\n')

    def double(x):
        raise KeyboardInterrupt

    for shown in both(examine_all(folder, {"double": double})):
        assert "The check was interrupted in the test “Values” before it was done." in shown
        assert "Not tested." in shown


# --- time ----------------------------------------------------------------------------------------------------------


def test_time_is_counted_as_the_grader_counts_it():
    assert (clock.WALL_CLOCK_FACTOR, clock.TOO_LONG_CALLS) == (sandbox.WALL_CLOCK_FACTOR, session.DEATHS_PER_EXERCISE)


def test_calls_that_take_too_long_together_are_stopped(run, monkeypatch):
    monkeypatch.setattr(run_module, "Clock", lambda seconds: Clock(seconds, 0.5))
    source = "import time\ndef double(x):\n    time.sleep(0.2)\n    return x\n"
    calls = "    student.double(1)\n" * 9
    for shown in both(run(source, suite=f"def test_nine(student):\n    'Nine.'\n{calls}")):
        assert "All calls together took longer than 0.5 s, and double was stopped in line 3: time.sleep(0.2)." in shown


def test_where_nothing_can_be_interrupted_it_is_told_when_it_is_done(run, folder):
    (folder / "assignment.toml").write_text(
        MANIFEST.replace("[exercise.double]", "[limits]\ncall_seconds = 0.05\n[exercise.double]")
    )
    source = "import time\ndef double(x):\n    time.sleep(0.3)\n    return x\n"
    found = []
    thread = threading.Thread(target=lambda: found.append(run(source)))
    thread.start()
    thread.join()
    for shown in both(found[0]):
        assert "a call may take 0.05 s. It could not be stopped before it was done." in shown


def test_a_loop_is_stopped_also_where_there_are_no_signals_between_threads(run, folder, monkeypatch):
    monkeypatch.delattr(signal, "pthread_kill")  # as on Windows
    limits = "[limits]\ncall_seconds = 0.05\n[exercise.double]"
    (folder / "assignment.toml").write_text(MANIFEST.replace("[exercise.double]", limits))
    for shown in both(run("def double(x):\n    while True:\n        x = x\n")):
        assert "double took longer than 0.05 s and was stopped in line" in shown


def test_a_check_leaves_the_handling_of_interruptions_as_it_was(run):
    before = signal.getsignal(signal.SIGINT)
    run(RIGHT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loop_is_shown_as_growing_counts_and_the_line_it_stands_on(run):
    result = run(RIGHT + "\nplus = double\ndef double(x):\n    return torch.stack([plus(row) for row in x])\n")
    # Row by row the values are the right ones, and the first letter of a text is refused as the whole would be.
    assert list(verdicts(result).values()) == [Verdict.PASSED, Verdict.PASSED, Verdict.LOOPS]
    assert result.verdict is Verdict.LOOPS
    for shown in both(result):
        assert "in step with the size, as one loop does" in shown
        assert "Lines of yours that loop: line 9: return torch.stack([plus(row) for row in x])." in shown
    rows = [tag for tag, _ in Page(as_html(result)).tags if tag == "tr"]
    assert len(rows) == 4


def test_only_loops_in_what_the_exercise_uses_are_pointed_at(run):
    result = run("def unrelated(x):\n    for row in x: pass\n" + RIGHT)
    assert result.findings == ()


def test_a_forbidden_operator_is_named_with_what_is_open_instead(run):
    result = run("def double(x):\n    return 2 * x\n")
    assert verdicts(result)["test_values"] is Verdict.FORBIDDEN
    for shown in both(result):
        assert "The call used aten::mul" in shown
        assert "Open to you are slicing" in shown
        assert "broadcast products" not in shown


def test_a_forbidden_name_in_the_source_is_told_though_the_values_are_right(run):
    result = run("import fractions as s\n" + RIGHT.replace("return x", "s.Fraction\n    return x"))
    for shown in both(result):
        assert "Line 6 uses fractions.Fraction, which this exercise asks you to do without" in shown


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def double(x):\n    raise NotImplementedError\n", "double still raises its NotImplementedError"),
        ("", "There is no function called double yet: write it in its cell, run that cell"),
    ],
)
def test_what_is_not_attempted_is_said_in_one_kind_line(run, source, sentence):
    result = run(source)
    assert not result.attempted
    for shown in both(result):
        assert sentence in shown
        assert "not written yet" in shown
        assert "✗" not in shown


def test_what_is_half_written_says_which_half(run):
    for shown in both(run("def double(x):\n    if isinstance(x, str): raise NotImplementedError\n    return x + x\n")):
        assert "2 of 3 tests pass" in shown
        assert "○" in shown


def test_what_the_code_printed_is_shown_and_goes_nowhere_else(run, capfd):
    source = "import sys, warnings\n" + RIGHT.replace(
        "return", "print('shape', x.shape); print('careful', file=sys.stderr); warnings.warn('hm')\n    return"
    )
    for shown in both(run(source)):
        assert "shape torch.Size([2, 3, 4, 5])" in shown
        assert "careful" in shown
    assert capfd.readouterr() == ("", "")


def test_a_random_generator_and_the_threads_are_left_as_they_were(run):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    run(RIGHT)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(threads)
    assert torch.equal(torch.rand(1), expected)


# What a result is made of, pictures aside.
TAGS = {"style", "div", "span", "b", "i", "p", "code", "pre", "mark", "details", "summary", "ul", "li"}
HOSTILE = '</pre></style><script>alert(1)</script>"><img src=x onerror=alert(2)>{{7*7}}{% x %}'


def hostile(place: str) -> str:
    """Text with ``place`` in front that would become markup, a template's expression or a control character."""
    return place + HOSTILE + "\x1b[31m\x00\u202e\ud800"


def assert_harmless(result, *places: str) -> None:
    """``result`` shows what was written at each of ``places`` as that text, and does nothing else."""
    page = Page(as_html(result))
    assert {tag for tag, _ in page.tags} <= TAGS
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for place in places:
        assert place + HOSTILE in page.text
        assert place + HOSTILE in as_text(result)
    for shown in (as_html(result), as_text(result)):
        shown.encode("utf-8")
        assert not re.search("[\x00\x1b\u202e\ud800]", shown)


def test_nothing_that_a_student_writes_becomes_markup(run):
    source = (
        f"def double(x):\n    print({hostile('printed')!r})\n"
        f"    raise type({hostile('type')!r}.replace('\\0', ''), (Exception,), {{}})({hostile('message')!r})\n"
    )
    assert_harmless(run(source), "printed", "type", "message")


def test_nothing_in_the_source_or_in_a_functions_name_becomes_markup(run):
    source = f"def double(x):\n    return x.nothing  # {HOSTILE}\n"
    source += f"double.__code__ = double.__code__.replace(co_name={hostile('name')!r}.replace('\\0', ''))\n"
    assert_harmless(run(source.replace("\ud800", "")), "nothing  # ", "name")


def test_an_error_whose_words_claim_to_be_markup_is_shown_as_text(run):
    source = (
        "from markupsafe import Markup\nclass Claim(Exception):\n"
        f"    def __str__(self): return Markup({hostile('claim')!r})\ndef double(x):\n    raise Claim\n"
    )
    assert_harmless(run(source), "claim")


def test_a_value_whose_words_claim_to_be_markup_is_shown_as_text(run):
    source = (
        "from markupsafe import Markup\nclass Claim:\n"
        f"    def __repr__(self): return Markup({HOSTILE!r})\n    __html__ = __str__ = __repr__\n"
        "def double(x):\n    return Claim()\n"
    )
    assert_harmless(run(source), "")


def test_nothing_in_an_assignments_files_becomes_markup(run, folder):
    title = hostile("title").replace("\ud800", "")  # which TOML cannot hold
    (folder / "assignment.toml").write_text(MANIFEST.replace('"Twice as much"', json.dumps(title)))
    suite = (
        f"import pytest\n@pytest.mark.parametrize('n', [1], ids=['name' + {HOSTILE!r}])\n"
        f"def test_double(student, n):\n    {hostile('docstring')!r}\n    assert student.double(n) == 3, {HOSTILE!r}\n"
    )
    (folder / "tests" / "test_double.py").write_text(suite)
    assert_harmless(run("def double(x):\n    return 2 * x\n"), "title", "name", "docstring", "")


def test_nothing_in_the_name_of_an_exercise_becomes_markup(folder):
    assert_harmless(examine(HOSTILE[:90], folder, {}))
    assert "<script>alert(1)</script>" in Page(as_html(examine(HOSTILE[:90], folder, {}))).text


def test_a_value_that_lies_about_itself_is_shown_all_the_same(run):
    source = (
        "class Liar:\n    def __repr__(self): raise ValueError\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\ndef double(x):\n    return Liar()\n"
    )
    for shown in both(run(source)):
        assert "It should return a tensor, and it returned a Liar." in shown


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dubble", 'There is no exercise called "dubble" in this assignment. It has: double.'),
        ("essay", "essay is a written question"),
        ("<b>", 'There is no exercise called "<b>"'),
        (17, 'There is no exercise called "17"'),
        (len, 'There is no exercise called "len"'),
        (None, 'There is no exercise called "None"'),
    ],
)
def test_an_unknown_exercise_gets_a_sentence(folder, name, sentence):
    for shown in both(examine(name, folder, {})):
        assert sentence in shown


def test_a_folder_without_an_assignment_gets_a_sentence(tmp_path):
    for shown in both(examine("double", tmp_path, {})):
        assert f"There is no assignment.toml in {tmp_path}" in shown


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("assignment.toml", "title =", "is not valid TOML"),
        ("tests/test_double.py", "import nothing_of_the_kind", "test_double.py cannot be imported"),
        ("tests/test_double.py", "def test_a(:", "test_double.py"),
        ("tests/test_double.py", "x = 1", "holds no test"),
        ("tests/test_double.py", None, "test_double.py is missing"),
    ],
)
def test_broken_files_get_a_sentence(folder, file, text, sentence):
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    for shown in both(examine("double", folder, {"double": lambda x: x + x})):
        assert sentence in shown


def test_a_suite_that_was_edited_is_read_anew(run, folder):
    assert len(run(RIGHT).passing) == 3
    (folder / "tests" / "test_double.py").write_text("def test_other(student):\n    'Other.'\n    assert False\n")
    assert [test.name for test in run(RIGHT).tests] == ["test_other"]


def test_a_second_check_stays_within_the_time_that_a_cell_may_take(run):
    run(RIGHT)
    assert sorted(run(RIGHT).seconds for _ in range(5))[2] < 0.5  # 0.04 s on an idle machine


def test_outside_a_notebook_it_prints(folder):
    script = f"{RIGHT}\nfrom autograder.check import check\ncheck('double')\ncheck('nope')\n"
    (folder / "script.py").write_text(script)
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, env=environment, check=True
    )
    assert "Twice as much: all 3 tests pass" in done.stdout
    assert "There is no exercise called" in done.stdout
    assert done.stderr == ""


def test_in_a_kernel_it_shows_once_and_the_run_goes_on(folder):
    cells = [
        "from autograder.check import check\n" + RIGHT,
        'check("double")',
        'check("double")\n1 + 1',
        'for name in ["double", "nope"]:\n    check(name)',
        'def double(x):\n    raise NotImplementedError\ncheck("double")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    kinds = [[output.output_type for output in cell.outputs] for cell in notebook.cells]
    shown = "display_data"
    assert kinds == [[], [shown], [shown, "execute_result"], [shown, shown], [shown]]
    assert set(notebook.cells[1].outputs[0].data) == {"text/html", "text/plain"}
    assert "all 3 tests pass" in notebook.cells[1].outputs[0].data["text/plain"]


def test_check_returns_nothing_that_would_show_twice(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert check("double") is None
    assert "Twice as much" in capsys.readouterr().out


def test_a_result_that_cannot_be_shown_becomes_a_sentence(folder, monkeypatch, capsys):
    def stumbling(result):
        return as_text(result) if result.problem else {}["lost"]

    monkeypatch.setattr(run_module, "as_text", stumbling)
    monkeypatch.chdir(folder)
    check("double")
    assert "The check itself failed, not your code: KeyError: 'lost'" in capsys.readouterr().out


# --- how a difference is explained ---------------------------------------------------------------------------------

PLANE = torch.arange(24.0).view(1, 1, 4, 6).square()


@pytest.mark.parametrize(
    ("got", "clue"),
    [
        (-PLANE, "but for their sign"),
        (PLANE / 9, "1/9 times the expected one"),
        (PLANE + 3, "Every value is 3 too large"),
        (PLANE * 1.00005 + 0.001, "The values are close (within 5e-05 of the largest)"),
        (PLANE.flip(-1), "mirrored left to right"),
        (PLANE.flip(-2), "upside down"),
        (PLANE.flip(-1, -2), "half a turn"),
        (PLANE.roll(1, -1), "moved 1 column to the right"),
        (PLANE.roll(-1, -2), "moved 1 row up"),
        (torch.zeros_like(PLANE), "All of your values are 0"),
        (PLANE.flatten()[torch.randperm(24, generator=torch.Generator().manual_seed(1))].view_as(PLANE), "all there"),
        (PLANE * float("nan"), "24 of your values are NaN"),
        (PLANE + (torch.arange(4) == 3).view(4, 1), "Only the last row differs"),
        (PLANE + torch.nn.functional.pad(torch.zeros(2, 4), (1, 1, 1, 1), value=5.0), "look at the padding"),
        (PLANE.transpose(-1, -2), "stand in another order"),
        (PLANE[..., :-2, :-2], "both 2 too few"),
        (PLANE[0], "axes of length 1"),
        (PLANE.reshape(1, 1, 3, 8), "as many values"),
    ],
)
def test_the_pattern_of_a_difference_gives_a_clue(got, clue):
    assert clue in explain(got, PLANE).clue


def test_true_and_false_have_clues_of_their_own():
    marks = torch.tensor([[True, True, False, False], [True, False, True, False]])
    assert explain(~marks, marks).clue == "Every True should be False, and every False True."
    assert explain(marks | True, marks).clue == "All of your values are True."
    assert "moved" not in explain(marks.roll(1, -1), marks).clue


def test_a_table_of_two_axes_is_no_picture():
    table = PLANE[0, 0]
    assert explain(table + (torch.arange(4) == 0).view(4, 1), table).clue == (
        "All that differs has index 0 on axis 0; the others are right."
    )
    assert "moved" not in explain(table.roll(1, -1), table).clue


def test_a_call_names_the_tensors_in_a_tuple_by_their_shapes():
    assert shown_call("f", ((torch.zeros(2), 3), (1, 2)), {"x": (torch.ones(1, 4),)}) == (
        "f((float32 (2,), 3), (1, 2), x=(float32 (1, 4),))"
    )


def test_a_bias_that_is_wrong_by_channel_is_recognised():
    x = torch.arange(48.0).view(2, 3, 2, 4)
    assert "added per channel" in explain(x + torch.tensor([1.0, -2.0, 5.0]).view(3, 1, 1), x).clue


def test_a_right_value_of_another_dtype_is_said_to_be_right():
    seen = explain(PLANE.double(), PLANE)
    assert seen.facts == ("The dtype should be float32, and it is float64.", "Apart from that the values are right.")


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        (None, PLANE, "It should return a tensor, and it returned None."),
        (4.0, 4, "It should return an int, and it returned a float."),
        (np.zeros(3), torch.zeros(3), "It should return a tensor, and it returned a NumPy array."),
    ],
)
def test_a_value_of_another_kind_is_named(got, expected, said):
    assert said in explain(got, expected).facts


@pytest.mark.filterwarnings("error")
def test_an_infinity_that_is_right_is_drawn_without_a_warning():
    right = torch.tensor([[float("inf"), 0.0, -float("inf")]])
    seen = explain(torch.tensor([[float("inf"), float("nan"), -float("inf")]]), right)
    assert difference_text(seen.slice) == [".?."]
    *_, difference = panels(seen.slice)
    assert "1 of 3 entries differs" in difference.label


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 50, 70)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.complex64])
def test_arrays_of_every_rank_and_dtype_can_be_drawn(shape, dtype):
    seen = explain(torch.ones(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))
    rows, columns = (1, *shape)[-2:]
    assert difference_text(seen.slice) == (["+" * columns] * rows if rows < 33 else [])
    pictures = [size_of(panel.image) for panel in panels(seen.slice)]
    assert pictures == [(rows, columns) if columns < 49 else (rows // 2, columns // 2)] * 3


@pytest.mark.parametrize("shape", [(0, 3), ()])
def test_arrays_without_an_axis_or_an_entry_are_not_drawn(shape):
    assert explain(torch.ones(shape), torch.zeros(shape)).slice is None


def test_pictures_of_noise_are_shown_whole(run):
    noisy = "return x + x + torch.randn(48, 48) if isinstance(x, torch.Tensor) else x + x"
    page = Page(as_html(run(RIGHT.replace("return x + x", noisy), suite=SUITE.replace("2, 3, 4, 5", "48, 48"))))
    images = [attributes["href"] for tag, attributes in page.tags if tag == "image"]
    assert max(map(len, images)) > 4000
    assert [size_of(image) for image in images] == [(48, 48)] * 3


def size_of(image: str) -> tuple[int, int]:
    """Rows and columns of a PNG in a data URI, all of which is there."""
    picture = Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2], validate=True)))
    picture.load()
    return picture.size[::-1]


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([100, 100, 100], "nothing loops"),
        ([100, 100, 120], "nothing loops"),
        ([100, 106, 114], "from 100 to 114, in step with the size, as one loop does"),
        ([600, 900, 1300], "as one loop does"),
        ([3600, 8100, 16900], "as two nested loops do"),
        ([21600, 72900, 219700], "as three nested loops do"),
    ],
)
def test_counts_are_read_as_loops(counts, words):
    assert words in explanation(Measurement((6, 9, 13), tuple(Work(n) for n in counts)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("test_stride_moves_the_window", "Stride moves the window"),
        ("test_dtypes[float64-3]", "Dtypes (float64-3)"),
        ("test_a", "A"),
    ],
)
def test_a_tests_name_is_made_readable(name, words):
    assert readable(name) == words
