"""Records of the book's pages on a CPU and on a GPU: a small book is recorded for real, and shown in every state."""

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from myst_nb.core.read import read_myst_markdown_notebook

from pixelwise import devices
from pixelwise.devices import cells, operators, outcomes, pages, shown
from pixelwise.devices.__main__ import main
from pixelwise.devices.record import OPERATORS, Refused, record
from tests.conftest import ROOT

GLUED = """
import torch
from myst_nb import glue
---
:tags: [remove-cell]
# a comment
total = torch.arange(5).sum()
glue("total", total, display=False)
glue("share", f"{0.25:.0%}", display=False)
glue("half", 0.5)
glue("nothing", float("nan"))
"""
WRONG = """
from myst_nb import glue
glue("before", 1)
---
value = {}
value["missing"]
---
glue("after", 2)
"""


def page(text):
    """A page of a title and cells, which `---` divides."""
    parts = [f"```{{code-cell}} python3\n{part.strip()}\n```\n" for part in text.split("---\n")]
    return "---\nkernelspec:\n  name: python3\n---\n\n# A page\n\n" + "\nWords.\n\n".join(parts)


@pytest.fixture
def book(tmp_path):
    """A book of two pages with cells, the second of which fails, and one without."""
    toc = "format: jb-book\nroot: book/index\nparts:\n  - caption: I\n    chapters:\n"
    toc += "".join(f"      - file: book/{name}\n        title: 1 · {name}\n" for name in ("glued", "wrong"))
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text(toc)
    (tmp_path / "book" / "index.md").write_text("# No cells\n")
    (tmp_path / "book" / "glued.md").write_text(page(GLUED))
    (tmp_path / "book" / "wrong.md").write_text(page(WRONG))
    return tmp_path


def recorded(book, *names, **options):
    out = book / "record.json"
    record("cpu", out, book, names or ("book/glued", "book/wrong"), commit="a" * 40, **options)
    found = json.loads(out.read_text())
    return found, {run["page"]: run for run in found["runs"]}


def run(*sources):
    """What cells give in a process of their own, since they take over `__main__`."""
    program = "import json, sys\nfrom pixelwise.devices import cells\nsources = json.loads(sys.argv[1])\n"
    program += "found = cells.run(sources)\nsys.__stdout__.write(json.dumps(cells.written(found, sources)))"
    done = subprocess.run([sys.executable, "-c", program, json.dumps(sources)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# Reading pages --------------------------------------------------------------------------------------------------------


def test_the_cells_of_every_page_are_those_that_the_site_runs():
    names = pages.listed(ROOT)
    assert "book/index" in names and pages.SHOWN not in names and "book/appendices/glossary" not in names
    for name in names:
        text = (ROOT / f"{name}.md").read_text()
        built = [cell.source for cell in read_myst_markdown_notebook(text).cells if cell.cell_type == "code"]
        assert pages.cells(text) == [source.strip("\n") for source in built], name


def test_a_cell_is_named_by_its_first_line_that_does_something():
    assert pages.first_line("# why\nimport torch\n\nx = torch.ones(2)\ny = x") == "x = torch.ones(2)"
    assert pages.first_line("import torch") == "import torch"


# Running cells --------------------------------------------------------------------------------------------------------


def test_a_page_is_recorded_with_its_time_and_its_values_and_an_error_with_its_cell(book, capsys):
    found, runs = recorded(book)
    glued, wrong = runs["book/glued"], runs["book/wrong"]
    assert glued["outcomes"] == {"total": 10, "share": "25%", "half": 0.5, "nothing": "nan"}
    assert glued["done"] == glued["cells"] == 2 and glued["error"] is None and glued["not_run"] == []
    assert len(glued["cell_seconds"]) == 2 and glued["slowest"][0]["line"] and glued["threads"] >= 1
    assert wrong["error"] == "cell 2 (value = {}): KeyError: 'missing'" and wrong["outcomes"] == {"before": 1}
    assert found["commit"] == "a" * 40 and found["machine"]["cpu"] and found["versions"]["numpy"]
    assert "gpu" not in found["machine"] and len(glued["load"]) == 2 and glued["date"]
    said = capsys.readouterr().out
    assert "1 of 2, book/glued: 0." in said and "failed: cell 2" in said


def test_what_is_recorded_is_not_run_again_until_it_changes(book, capsys):
    _, before = recorded(book)
    capsys.readouterr()
    _, after = recorded(book)
    assert after == before and capsys.readouterr().out.count("recorded before") == 2
    (book / "book" / "glued.md").write_text(page(GLUED.replace("arange(5)", "arange(6)")))
    _, after = recorded(book)
    assert after["book/glued"]["outcomes"]["total"] == 15 and after["book/wrong"] == before["book/wrong"]
    capsys.readouterr()
    recorded(book, again=True)
    assert "recorded before" not in capsys.readouterr().out


def test_a_record_of_another_machine_is_not_continued(book):
    found, _ = recorded(book)
    found["machine"]["cpu"] = "another"
    (book / "record.json").write_text(json.dumps(found))
    _, runs = recorded(book, "book/wrong")
    assert list(runs) == ["book/wrong"]


def test_a_record_that_is_stopped_keeps_what_is_done_and_leaves_no_process(book):
    slow = page("import os, time\nopen('started', 'w').write(str(os.getpid()))\n---\ntime.sleep(600)")
    (book / "book" / "wrong.md").write_text(slow)
    program = "import sys\nfrom pathlib import Path\nfrom pixelwise.devices.__main__ import main\n"
    program += "sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"
    words = ["cpu", "book/glued", "book/wrong", "--out", str(book / "record.json"), "--commit", "b"]
    stopped = subprocess.Popen([sys.executable, "-c", program, str(book), *words])
    started, least = book / "book" / "started", time.monotonic() + 120
    while not (started.exists() and started.read_text()) and time.monotonic() < least:
        time.sleep(0.1)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
        time.sleep(1)
        os.kill(int(started.read_text()), 0)
    assert [each["page"] for each in json.loads((book / "record.json").read_text())["runs"]] == ["book/glued"]
    (book / "book" / "wrong.md").write_text(page(WRONG))
    _, runs = recorded(book)
    assert list(runs) == ["book/glued", "book/wrong"] and runs["book/glued"]["commit"] == "b"


def test_a_page_that_takes_too_long_or_dies_costs_only_itself(book):
    (book / "book" / "glued.md").write_text(page("a = 1\n---\nimport time; time.sleep(60)"))
    (book / "book" / "wrong.md").write_text(page("a = 1\n---\nimport os; os.abort()"))
    _, runs = recorded(book, minutes=0.25)
    assert runs["book/glued"]["error"] == "stopped after 0.25 minutes, in cell 2" and runs["book/glued"]["done"] == 1
    assert runs["book/wrong"]["error"].startswith("the process ended with status -6 in cell 2")


def test_what_needs_a_library_that_is_not_there_is_left_out_and_the_rest_runs():
    found = run(
        "import torch\nimport no_such_library as absent\nfrom myst_nb import glue",
        "x = torch.ones(2)\nglue('x', x.sum())",
        "shown = absent.show(x)\nlater = 3",
        "glue('never', shown)",
        "def draw():\n    return absent.draw()",
        "glue('y', 2)\ndraw()",
    )
    assert found["error"] is None and found["done"] == 6 and found["outcomes"] == {"x": 2.0, "y": 2}
    assert [(each["cell"], each["needs"]) for each in found["not_run"]] == [
        (number, "no_such_library") for number in (1, 3, 4, 6)
    ]


def test_a_name_that_is_wrong_and_a_module_of_ours_that_is_missing_are_errors():
    assert run("undefined")["error"].startswith("cell 1 (undefined): NameError")
    assert "ModuleNotFoundError" in run("import pixelwise.nowhere")["error"]
    assert "SyntaxError" in run("x = = 2")["error"]


def test_a_training_that_pages_share_is_timed_apart_from_the_cells(book):
    cell = """
import time
from pathlib import Path
import pixelwise, torch
from pixelwise import trained_once


def train():
    time.sleep(2)
    return torch.nn.Linear(2, 1)


---
net = trained_once.ready("line 0", (), build=lambda: torch.nn.Linear(2, 1), train=train)
---
from myst_nb import glue
glue("kept", str(trained_once.folder()))
"""
    (book / "book" / "glued.md").write_text(page(cell))
    (book / "book" / "wrong.md").write_text(page(cell))
    found, runs = recorded(book)
    (network,) = found["networks"]
    assert network["network"] == "line 0" and 2 <= network["seconds"] < 10
    assert runs["book/glued"]["trainings"] == ["line 0"] and runs["book/wrong"]["trainings"] == []
    assert all(each["error"] is None and each["cell_seconds"][1] < 1.5 for each in runs.values())
    assert runs["book/glued"]["outcomes"]["kept"] == str(book / "_build" / "record-cpu" / "trained")


def test_on_a_cpu_record_no_gpu_is_seen(book):
    (book / "book" / "glued.md").write_text(
        page("import os\nfrom myst_nb import glue\nglue('gpus', os.environ['CUDA_VISIBLE_DEVICES'])")
    )
    assert recorded(book, "book/glued")[1]["book/glued"]["outcomes"] == {"gpus": ""}


# What the command refuses --------------------------------------------------------------------------------------------


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_command_refuses_in_a_sentence(book, capsys):
    assert main(["gpu", "--out", str(book / "gpu.json")], book) == 2
    said = capsys.readouterr().err
    assert said == "PyTorch finds no GPU here, so there is nothing to record: run this on a machine that has one.\n"
    assert not (book / "gpu.json").exists()


def test_a_page_that_is_not_there_and_a_commit_that_is_not_known_are_refused(book):
    with pytest.raises(Refused, match=r"There is no page 'book/other' with cells; there are book/glued, book/wrong"):
        record("cpu", book / "record.json", book, ["book/other"], commit="a")
    with pytest.raises(Refused, match="names its commit, and git tells none here: name it with --commit"):
        record("cpu", book / "record.json", book)


def test_the_command_says_by_its_status_whether_all_ran(book):
    words = ["--out", str(book / "record.json"), "--commit", "c"]
    assert main(["cpu", "book/glued", *words], book) == 0
    assert main(["cpu", "book/glued", "book/wrong", *words], book) == 1


def test_make_has_both_commands_and_says_what_they_do():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    assert re.search(r"make record-cpu +run every page", done.stdout) and "make record-gpu" in done.stdout


# Operators ------------------------------------------------------------------------------------------------------------


def test_an_operator_by_windows_is_the_operator():
    x, w, back = torch.randn(2, 3, 6, 5), torch.randn(4, 3, 3, 3), torch.randn(3, 4, 4, 4)
    for operator, weights in (("convolution", w), ("transposed convolution", back)):
        one, other = (compute(x, weights) for compute in operators.WAYS[operator].values())
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_rows_of_operators_have_what_they_promise(monkeypatch):
    monkeypatch.setattr(operators, "SIZES", (4, 8))
    monkeypatch.setattr(operators, "UNET_SIZES", (16,))
    monkeypatch.setattr(operators, "SIDE", 64)
    rows = list(operators.measured(torch.device("cpu")))
    assert [row for row in rows if "failed" in row] == []
    assert {row["kind"] for row in rows} == {"time", "format", "sum", "again"}
    assert all(row["seconds"] > 0 for row in rows if row["kind"] in ("time", "format"))
    errors = {(row["operator"], row["format"]): row["error"] for row in rows if row["kind"] == "format"}
    for operator in ("3×3 convolution", "matrix product"):
        exact, single, brain = (errors[operator, name] for name in ("float64", "float32", "bfloat16"))
        assert exact < 1e-12 < single < 1e-5 < brain < 1e-1
    assert all(abs(row["error"]) < 1e-4 for row in rows if row["kind"] == "sum")


def test_an_operator_that_fails_is_a_row_that_says_so():
    def broken():
        raise RuntimeError("no\n kernel")

    assert operators._tried(broken) == {"failed": "RuntimeError: no kernel"}


# Values on two devices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("0.62", "0.62", "equal"),
        ("0.62", "0.63", "rounding"),
        ("0.62", "0.64", "differs"),
        ("67%", "68%", "rounding"),
        ("4", "5", "differs"),
        (4, 5, "differs"),
        (0.5, 0.50001, "rounding"),
        (0.5, 0.51, "differs"),
        ("11\u202f000", "11\u202f001", "rounding"),
        ("6·10⁻¹⁰", "7·10⁻¹⁰", "differs"),
        ("6.1·10⁻¹⁰", "6.2·10⁻¹⁰", "rounding"),
        ("0.10 to 0.20", "0.10 to 0.21", "rounding"),
        ("left", "right", "differs"),
        (True, False, "differs"),
        (None, 1, "differs"),
    ],
)
def test_values_differ_by_rounding_or_by_more(first, second, verdict):
    assert outcomes.verdict(first, second) == outcomes.verdict(second, first) == verdict


def test_a_value_that_measures_time_is_known_by_its_name():
    assert outcomes.Pair("p", "seconds_saved", 1, 9).verdict == "time"
    assert outcomes.Pair("p", "times", 1, 9).verdict == "differs"


# The page -------------------------------------------------------------------------------------------------------------


TABLES = [
    shown.heads,
    shown.missing,
    shown.pages_table,
    shown.networks_table,
    shown.slowest_table,
    lambda *both: shown.operators_figure(*both, caption="Operators."),
    shown.crossings_table,
    shown.formats_table,
    shown.sums_table,
    shown.again_table,
    shown.outcomes_count,
    shown.outcomes_table,
]


def ours(times=1.0, **machine):
    """A made record of two pages, one of which failed, a network and the operators."""
    rows = [
        {"kind": "time", "operator": o, "way": w, "size": n, "seconds": times * n * 1e-4 + (times < 1) * 1e-3}
        for o, ways in operators.WAYS.items()
        for w in ways
        for n in (8, 32, 128)
    ]
    rows += [{"kind": "format", "operator": "matrix product", "format": "float32", "seconds": 0.1, "error": 1e-7}]
    rows += [{"kind": "sum", "order": "x.sum()", "error": 1e-7 * times}]
    rows += [{"kind": "again", "operator": "F.conv2d", "failed": "RuntimeError: no kernel"}]
    common = {"key": "k", "commit": "c" * 40, "date": "2026-01-02 03:04", "load": [0.1, 1.2], "error": None}
    glued = common | {"page": "book/index", "cells": 2, "done": 2, "seconds": 12.0 * times, "not_run": []}
    glued |= {"slowest": [{"cell": 2, "line": "a < b", "seconds": 9.0 * times}], "cell_seconds": [3.0, 9.0 * times]}
    glued |= {"outcomes": {"same": 1, "near": f"{0.5 + times / 100:.2f}", "far": 3 * times, "took": times}}
    wrong = common | {"page": "book/01-convolution/backpropagation", "cells": 3, "done": 2, "seconds": 1.0}
    wrong |= {"error": "cell 2 (x): ValueError: <b>", "outcomes": {"far": 2}, "not_run": []}
    kept = [{"network": "U-Net 0", "seconds": 60.0 * times, "processor_seconds": 100.0}]
    return {
        "commit": "c" * 40,
        "machine": {"system": "Linux", "cpu": "A processor", "cores": 2, "threads": 2} | machine,
        "versions": {"python": "3.12", "torch": "2.11", "torchvision": "0.26", "numpy": "2"},
        "networks": kept,
        "runs": [glued, wrong, common | {"page": OPERATORS, "seconds": 9.0, "rows": rows}],
    }


CPU, GPU = ours(), ours(0.1, gpu="A GPU", driver="1.2")


@pytest.mark.parametrize("both", [(None, None), (CPU, None), (None, GPU), (CPU, GPU)], ids=["none", "cpu", "gpu", "2"])
@pytest.mark.parametrize("table", TABLES)
def test_every_table_and_figure_can_be_made_of_what_is_there(table, both):
    made = table(*both)
    assert made._repr_html_() and repr(made) and "<b>" not in made.markup and "None" not in made.markup


def test_without_records_the_page_says_so_and_how_to_make_them():
    said = shown.missing(None, None).markup
    assert "There is no record of a CPU yet; <code>make record-cpu</code> writes it." in said
    assert "<code>make record-gpu</code>, on a machine that has one, writes it." in said
    assert "not measured yet" in shown.heads(None, None).markup
    assert shown.heads(CPU, None).markup.count("not measured yet") > 10
    assert repr(shown.pages_table(None, None)).count("not measured yet | not measured yet") == len(pages.listed(ROOT))
    assert "not measured yet" in shown.outcomes_count(CPU, None).markup


def test_with_one_record_its_numbers_stand_and_the_others_are_missing():
    table = repr(shown.pages_table(CPU, None))
    assert "Pixelwise | 12 | not measured yet | " in table
    assert "Backpropagation is convolution | failed in cell 2 | not measured yet | " in table
    assert "The GPU is not measured yet." in shown.operators_figure(CPU, None, caption="Operators.").markup
    said = shown.missing(CPU, None).markup
    assert "Not in the CPU record: " in said and "3 · Receptive fields" in said and "failed on the CPU" in said


def test_with_both_their_ratio_stands_and_where_the_gpu_wins():
    assert "Pixelwise | 12 | 1.2 | 10" in repr(shown.pages_table(CPU, GPU))
    assert "U-Net, seed 0 | 60 | 6 | 10" in repr(shown.networks_table(CPU, GPU))
    assert "convolution | F.conv2d | 32 | 128 | " in repr(shown.crossings_table(CPU, GPU))
    assert "failed" in repr(shown.again_table(CPU, GPU))
    other = copy.deepcopy(GPU)
    other["runs"][0]["key"] = "another"
    assert "10 (two versions)" in repr(shown.pages_table(CPU, other))


def test_values_of_pages_that_ran_to_the_end_are_compared():
    said = shown.outcomes_count(CPU, GPU).markup
    assert "Of 4 values that pages gave on both devices, 1 are equal, 1 differ by no more" in said
    assert "1 measure time, and 1 differ more" in said
    assert "Pixelwise | far | 3" in repr(shown.outcomes_table(CPU, GPU)) and "near" not in repr(
        shown.outcomes_table(CPU, GPU)
    )


def test_what_could_not_be_run_is_shown_as_a_part():
    part = copy.deepcopy(GPU)
    part["runs"][0]["not_run"] = [{"cell": 1, "line": "x", "needs": "anywidget"}]
    part["runs"][0]["cell_seconds"] = [0.6, 0.6]
    assert "Pixelwise | 12 | 1.2, in parts | 15" in repr(shown.pages_table(CPU, part))  # 9 s against 0.6 s
    part["runs"][0]["key"] = "another"
    assert "1.2, in parts | \n" in repr(shown.pages_table(CPU, part))
    assert "on the GPU parts of 1 of 2 cells were not run, for want of anywidget." in shown.missing(CPU, part).markup


@pytest.mark.parametrize("kind", devices.KINDS)
def test_a_record_that_is_checked_in_was_made_by_the_command(kind):
    found = devices.recorded(kind)
    if found is None:
        pytest.skip(f"there is no record of a {kind} yet, and the page says so")
    assert found["kind"] == kind and ("gpu" in found["machine"]) == (kind == "gpu")
    assert all(re.fullmatch(r"[0-9a-f]{40}", run["commit"]) for run in found["runs"])  # no changed file among them
    assert {run["page"] for run in found["runs"]} <= {*pages.listed(ROOT), OPERATORS}


def test_values_are_kept_as_numbers_and_texts():
    assert [cells.plain(each) for each in (torch.tensor(2), torch.tensor(0.5), float("inf"), True, "x")] == [
        2, 0.5, "inf", True, "x",
    ]  # fmt: skip
    assert cells.plain(torch.ones(2)) == "tensor([1., 1.])"
