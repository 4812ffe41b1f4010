"""Thousands of damaged and hostile notebooks and archives: each is cells or a sentence, soon and in little memory.

`make test` tries 600. To try 5,000, or other ones:

    PIXELWISE_FUZZ=5000 PIXELWISE_SEED=7 .venv/bin/python -m pytest tests/test_fuzz.py

A failure names the number that its file is made from; ``fuzzed(number)`` makes it again.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
import resource
import tarfile
import time
import zipfile

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbgrader.api import Gradebook

from autograder.authoring import sample_class
from autograder.collect.collect import collect
from autograder.collect.entry import STUDENT
from autograder.collect.errors import ArchiveError
from autograder.collect.safe_names import name_problem
from autograder.course import submission
from autograder.course.assignment import load_assignment
from autograder.course.submission import list_submissions
from autograder.course.verdict import Verdict
from autograder.grading.grader import Grader
from autograder.grading.local import LocalExecutor
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.exporter import canonical
from autograder.nbgrader.recording import record
from autograder.nbgrader.release import require
from tests.conftest import A1, ROOT, copy_course

COUNT = int(os.environ.get("PIXELWISE_FUZZ", "600"))
SEED = int(os.environ.get("PIXELWISE_SEED", "1"))
GRADED = max(24, COUNT // 50)  # so many of them are graded for real
SECONDS = 10  # that one file may take on a busy machine
MEGABYTES = 600  # by which the process may grow

BASES = [
    sample_class.notebook_bytes(recipe, load_assignment(ROOT, A1))
    for recipe in sample_class.recipes(load_assignment(ROOT, A1))
    if recipe.student in ("ada", "bela", "aron", "hugo")
]


# --- notebooks --------------------------------------------------------------------------------------------------

# What JSON texts can hold that json.dumps does not write: spliced in where a mutation leaves a mark.
RAW = [
    "NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 5000, "9" * 4000, "1" + "0" * 100_000, "0." + "1" * 50_000,
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u202e\\u0007\\u001b[31m"', '"' + "x" * 500_000 + '"',
    "[" * 200 + "]" * 200, "[" * 20_000 + "]" * 20_000, '{"a":' * 900 + "1" + "}" * 900, "[" * 50_000,
    "[" + "[]," * 100_000 + "1]", '{"cells": [], "cells": 1}', '{"x": 1, "x": {"x": 2}, "x": []}', "\x00", "tru",
    "'x'", "",
    "[1,]", "// no", "01", '"\\x41"', '"\t"', "\ufeff1",
]  # fmt: skip
VALUES = [
    None, True, False, 0, -1, 3, 5, 10**30, 1.5, "", "x", "code", "markdown", "raw", "\ud83d", "a\0b", "\r\n", [],
    {}, [[]],
    ["a", "b"], ["a", 1], [None], {"a": 1}, {"text/plain": ["1"]}, {"image.png": {"image/png": "AAAA"}}, "conv2d",
]  # fmt: skip
# Sources that are hard on a parser, a highlighter, or whoever shows them.
SOURCES = [
    "(" * 5000, "-" * 50_000 + "1", "x" + ".x" * 50_000, "a," * 100_000, "[" * 90 + "]" * 90, "if 1:\n " * 200,
    "def conv2d(x:\n", "def conv2d(" + ",".join(f"a{n}" for n in range(5000)) + "): pass", "\\\n" * 5000,
    "\f\v\x1c\u2028x = 1",
    "f'{" * 200, '"""' + "x" * 100_000, "# -*- coding: utf-7 -*-\n+AAA-", "lambda: " * 5000 + "1", "1" + "+1" * 20_000,
    "x = '" + "\\N{DIGIT ONE}" * 2000 + "'", "0x" + "f" * 100_000, "9" * 5000, "%%html\n<script>alert(1)</script>",
    "!rm -rf ~",
    "</script><script>alert(1)</script>", "{% raw %}{{ 1/0 }}", "\x1b]0;title\x07", "conv2d = " * 3000 + "1",
    "async " * 1000,
    "@conv2d\n" * 5000 + "def conv2d(): pass", "### BEGIN SOLUTION\n### END SOLUTION\n" * 20, "# YOUR CODE HERE",
    "é" * 10_000,
]  # fmt: skip


def fuzzed(number):
    """The ``number``-th hostile notebook, as bytes."""
    draw = random.Random(f"{SEED}/{number}")
    raw = draw.choice(BASES)
    if draw.random() < 0.85:
        tree = json.loads(raw)
        spliced = []
        for _ in range(draw.choice((1, 1, 2, 3, 8))):
            draw.choice(MUTATIONS)(draw, tree, spliced)
        text = json.dumps(tree, ensure_ascii=draw.random() < 0.5, indent=draw.choice((None, 1)))
        for index, value in enumerate(spliced):
            text = text.replace(f'"@@{index}@@"', value, 2)
        raw = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.4:
        raw = draw.choice(DAMAGES)(draw, raw)
    return raw


def places(tree):
    """Every container in ``tree`` with one of its keys."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        inside = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        found += [(node, key) for key, _ in inside]
        todo += [value for _, value in inside if isinstance(value, dict | list)]
    return found


def any_place(draw, tree):
    # Cells and what is at the top matter most, but are few among the lines of all sources.
    found = [(node, key) for node, key in places(tree) if isinstance(node, dict) or draw.random() < 0.05]
    return draw.choice(found) if found else (tree, "cells")


def cells_of(tree):
    cells = tree.get("cells") if isinstance(tree, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def any_cell(draw, tree):
    cells = cells_of(tree)
    return draw.choice(cells) if cells else {}


def replace_a_value(draw, tree, spliced):
    node, key = any_place(draw, tree)
    node[key] = copy.deepcopy(draw.choice(VALUES))


def splice_raw_text(draw, tree, spliced):
    node, key = any_place(draw, tree)
    node[key] = f"@@{len(spliced)}@@"
    spliced.append(draw.choice(RAW))


def remove_a_key(draw, tree, spliced):
    node, key = any_place(draw, tree)
    node.pop(key, None) if isinstance(node, dict) else node.clear()


def move_a_value(draw, tree, spliced):
    node, key = any_place(draw, tree)
    other, place = any_place(draw, tree)
    try:
        node[key] = copy.deepcopy(other[place])
    except (KeyError, IndexError):
        return


def change_the_format(draw, tree, spliced):
    tree["nbformat"] = draw.choice((3, 5, 4, 4.0, "4", True, None, -4, 10**40))
    tree["nbformat_minor"] = draw.choice((0, 2, 5, 99, -1, "5", None))


def change_a_source(draw, tree, spliced):
    text = draw.choice(SOURCES)
    any_cell(draw, tree)["source"] = draw.choice(
        (text, text.splitlines(keepends=True), [text], [[text]], list(text[:500]))
    )


def change_a_grade_id(draw, tree, spliced):
    names = ("conv2d", "check-conv2d", "im2col", "", "../../x", "x" * 5000, None, 7, ["conv2d"], {"a": 1}, "setup")
    marks = {"grade_id": draw.choice(names), "points": draw.choice((1, -1, "9", None)), "solution": draw.random() < 0.5}
    any_cell(draw, tree)["metadata"] = {"nbgrader": draw.choice((marks, marks, [marks], None, "x"))}


def drop_all_ids(draw, tree, spliced):
    for cell in cells_of(tree):
        cell["id"] = draw.choice(("same", "", "ü ü", 1, "x" * 99)) if draw.random() < 0.5 else cell.pop("id", None)


def shuffle_cells(draw, tree, spliced):
    if isinstance(tree.get("cells"), list):
        draw.shuffle(tree["cells"])


def copy_cells(draw, tree, spliced):
    if isinstance(tree.get("cells"), list):
        cell = json.dumps(any_cell(draw, tree))
        count = min(draw.choice((1, 5, 500, 3000)), 1 + 10_000_000 // len(cell))
        tree["cells"] += [json.loads(cell) for _ in range(count)]


def attach(draw, tree, spliced):
    kinds = (
        {"x.png": {"image/png": "A" * draw.choice((10, 2_000_000))}},
        {"x": 1},
        [],
        "x",
        {"../x": {"text/html": "<b>"}},
    )
    any_cell(draw, tree)["attachments"] = draw.choice(kinds)


def fill_outputs(draw, tree, spliced):
    output = {
        "output_type": draw.choice(("stream", "error", "display_data", "virus", 1)),
        "name": "stderr",
        "text": ["x"],
    }
    output["data"] = draw.choice(({"text/html": "<script>alert(1)</script>"}, {"application/json": [1] * 9}, None, "x"))
    any_cell(draw, tree)["outputs"] = draw.choice(([output], [output] * 500, output, None, [[]]))


MUTATIONS = [
    replace_a_value, replace_a_value, splice_raw_text, splice_raw_text, remove_a_key, move_a_value, change_the_format,
    change_a_source, change_a_source, change_a_grade_id, drop_all_ids, shuffle_cells, copy_cells, attach, fill_outputs,
]  # fmt: skip


def flip_bytes(draw, raw):
    out = bytearray(raw)
    for _ in range(draw.choice((1, 1, 3, 30))):
        if out:
            out[draw.randrange(len(out))] = draw.randrange(256)
    return bytes(out)


def repeat_a_piece(draw, raw):
    at, size = draw.randrange(len(raw) + 1), draw.choice((1, 10, 1000))
    return raw[:at] + raw[at : at + size] * draw.choice((2, 50)) + raw[at:]


DAMAGES = [
    flip_bytes,
    flip_bytes,
    repeat_a_piece,
    lambda draw, raw: raw[: draw.randrange(len(raw) + 1)],
    lambda draw, raw: raw[draw.randrange(len(raw) + 1) :],
    lambda draw, raw: b"\xef\xbb\xbf" + raw,
    lambda draw, raw: raw.decode("utf-8", "replace").encode(
        draw.choice(("utf-16", "utf-32", "utf-7", "cp1252")), "replace"
    ),
    lambda draw, raw: raw.replace(b"\n", draw.choice((b"\r\n", b"\r", b"\0", b""))),
    lambda draw, raw: raw + draw.choice((raw, b"\0" * 1000, b" " * 100_000, b"}")),
]


def is_clean(text):
    return "\0" not in text and text.encode("utf-8") is not None


def check_notebook(folder, raw, assignment):
    """Read ``raw`` as a submission and make nbgrader's notebook of it; returns what was read."""
    (folder / f"{A1}.ipynb").write_bytes(raw)
    got = submission.read_submission(folder, "eve", A1)
    assert bool(got.problem) == (got.verdict is not Verdict.PASSED) and not (got.problem and got.cells)
    assert all(is_clean(cell.source) for cell in got.cells) and is_clean(got.problem) and "\n" not in got.problem
    notebook = canonical(assignment, got)
    nbformat.validate(notebook, relax_add_props=False)
    marks = [c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata]
    wanted = [c.metadata.nbgrader.grade_id for c in assignment.released_notebook.cells if "nbgrader" in c.metadata]
    assert marks == wanted and len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    json.dumps(notebook, ensure_ascii=False).encode()
    return got


def test_every_notebook_is_cells_or_a_sentence(a1, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    readable = 0
    for number in range(COUNT):
        raw = fuzzed(number)
        start = time.process_time()
        try:
            readable += not check_notebook(tmp_path, raw, a1).problem
        except Exception as error:
            raise AssertionError(f"seed {SEED}, number {number}: {type(error).__name__}: {error}") from error
        assert time.process_time() - start < SECONDS, f"seed {SEED}, number {number}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES << 10
    # Were most of them refused, or none, then little would have been tried.
    assert 0.2 * COUNT < readable < 0.9 * COUNT


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_no_source_is_too_hard(a1, tmp_path, source):
    tree = json.loads(BASES[0])
    cell = next(c for c in tree["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "conv2d")
    cell["source"] = source
    assert not check_notebook(tmp_path, json.dumps(tree).encode(), a1).problem


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_timestamp_is_a_time_or_a_complaint(tmp_path, text):
    (tmp_path / "timestamp.txt").write_text(text, encoding="utf-8", errors="replace")
    when, complaint = submission.timestamp(tmp_path)
    assert (when is None) == bool(complaint)


@pytest.mark.parametrize("text", ["0001-01-01 00:00 +14:00", "9999-12-31 23:59 -14:00", "1e999", "10:00 99999999999"])
def test_a_time_at_the_edge_of_the_calendar_is_a_time_or_a_complaint(tmp_path, text):
    (tmp_path / "timestamp.txt").write_text(text)
    when, complaint = submission.timestamp(tmp_path)
    assert (when is None) == bool(complaint)


@pytest.mark.parametrize("piece", [b"[],", b'"",', b'{"a":1},', b'"\\"', b'"a', b',"', b"[{"])
def test_a_notebook_of_millions_of_values_is_refused_soon_and_in_little_memory(tmp_path, piece):
    raw = b'{"nbformat": 4, "cells": [' + piece * ((31 << 20) // len(piece))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    (tmp_path / f"{A1}.ipynb").write_bytes(raw)
    assert submission.read_submission(tmp_path, "eve", A1).problem
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES << 10


def test_a_run_over_hostile_notebooks_gives_every_one_a_verdict_and_a_place_in_the_gradebook(tmp_path):
    root = copy_course(tmp_path / "course")
    assignment = load_assignment(root, A1)
    for number in range(GRADED):
        folder = root / "submitted" / f"student-{number:03}" / A1
        folder.mkdir(parents=True)
        (folder / f"{A1}.ipynb").write_bytes(fuzzed(10**6 + number))
    require(assignment)
    listed = list_submissions(root / "submitted", A1)
    grader = Grader(assignment)
    graded = grader.grade_class(listed, LocalExecutor(2))
    assert [one.report.student for one in graded] == [student for student, _ in listed]
    assert [one.report.student for one in graded if one.report.verdict is Verdict.FAULT] == []
    assert record(assignment, [grader.store.get(one.report.key) for one in graded]) == {}
    with Gradebook(gradebook_url(root)) as opened:
        scores = {s.student.id: s.score for s in opened.assignment_submissions(A1)}
    assert scores == {one.report.student: pytest.approx(one.report.score) for one in graded}
    for student, _ in listed:
        nbformat.validate(nbformat.read(root / "autograded" / student / A1 / f"{A1}.ipynb", as_version=4))
        assert (root / "feedback" / student / A1 / "report.html").is_file()


# --- archives ---------------------------------------------------------------------------------------------------

NAMES = [
    f"ada/{A1}/{A1}.ipynb", f"bob_{A1}.ipynb", f"doe_1_2_{A1}-1.ipynb", f"Jane Doe_7_assignsubmission_file_/{A1}.ipynb",
    "eve.zip", "mallory.tar.gz", f"../{A1}.ipynb", f"/tmp/x/{A1}/{A1}.ipynb", f"ADA/{A1}/{A1}.ipynb", "a\nb.zip",
    "x/y.txt",
    f"ada/{A1}/timestamp.txt", f"c:\\x_{A1}.ipynb", f"é\u0301_{A1}.ipynb", f"con/{A1}.ipynb", f".hidden/{A1}.ipynb", "",
]  # fmt: skip


def fuzzed_archive(draw, depth=0):
    """A zip or tar of hostile names and contents, perhaps with archives in it, perhaps damaged, as bytes."""
    files = [(draw.choice(NAMES), content(draw, depth)) for _ in range(draw.choice((1, 3, 8)))]
    made = io.BytesIO()
    if draw.random() < 0.6:
        with zipfile.ZipFile(made, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as out:
            for name, data in files:
                info = zipfile.ZipInfo(name or "x", (1980 + draw.randrange(60), 1, 1, 0, 0, 0))
                info.external_attr = draw.choice((0, 0, 0o100644, 0o120777, 0o020644)) << 16
                out.writestr(info, data)
    else:
        with tarfile.open(fileobj=made, mode=draw.choice(("w", "w:gz")), format=draw.choice((0, 1, 2))) as out:
            for name, data in files:
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(data), draw.randrange(2**31)
                info.type = draw.choice((b"0", b"0", b"0", b"2", b"6"))
                info.linkname = "/etc/passwd"
                out.addfile(info, io.BytesIO(data))
    raw = made.getvalue()
    return draw.choice(DAMAGES[:5])(draw, raw) if draw.random() < 0.6 else raw


def content(draw, depth):
    if depth < 2 and draw.random() < 0.4:
        return fuzzed_archive(draw, depth + 1)
    return draw.choice((BASES[0], b"", b"{}", bytes(3 << 20), draw.randbytes(2000)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_every_archive_is_collected_or_refused_and_nothing_lands_elsewhere(tmp_path):
    course, download = tmp_path / "course", tmp_path / "download.zip"
    submitted = course / "submitted"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = refused = 0
    for number in range(COUNT):
        draw = random.Random(f"{SEED}/archive/{number}")
        download.write_bytes(fuzzed_archive(draw))
        start = time.process_time()
        try:
            taken += len(collect(download, submitted, A1).students())
        except ArchiveError as error:
            refused += 1
            assert str(error).isprintable(), number
        except Exception as error:
            raise AssertionError(f"seed {SEED}, archive {number}: {type(error).__name__}: {error}") from error
        assert time.process_time() - start < SECONDS, number
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES << 10
    assert taken > COUNT / 4 and refused > COUNT / 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "download.zip"]
    assert {path.name for path in course.iterdir()} <= {"submitted", ".autograder"}
    for path in submitted.rglob("*"):
        parts = path.relative_to(submitted).parts
        assert not path.is_symlink() and (path.is_dir() or path.is_file()) and not any(map(name_problem, parts))
        assert len(parts) < 2 or parts[1] == A1
        assert path.is_dir() or path.stat().st_size <= STUDENT.file
