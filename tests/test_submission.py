"""What students hand in is read as untrusted bytes; whatever it is, the answer is cells or a sentence."""

import json
import os
from datetime import UTC, datetime

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.course import attention, submission
from autograder.course.verdict import Verdict
from tests.conftest import A1, ROOT


def notebook(*sources, **top):
    cells = [
        {"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": None} for s in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells} | top).encode()


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def read(folder, raw=None):
    if raw is not None:
        (folder / "a1.ipynb").write_bytes(raw)
    return submission.read_submission(folder, "ada", "a1")


def test_cells_are_read_with_windows_line_ends_and_a_byte_order_mark(folder):
    got = read(folder, b"\xef\xbb\xbf" + notebook("x = 1\r\ny = 2", ["a\n", "b"]))
    assert [cell.source for cell in got.cells] == ["x = 1\ny = 2", "a\nb"] and not got.problem


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b"\x00\xff", "UTF-8"),
        (notebook("x")[:-10], "cut short"),
        (b"[]", "does not say which notebook format"),
        (notebook("x", nbformat=3), "format 3"),
        (notebook("x", nbformat=True), "which notebook format"),
        (notebook("x", cells=None), "no list of cells"),
        (notebook("x", cells=[1]), "cell 1 is not a cell"),
        (notebook("x", cells=[{"cell_type": "code", "source": [1]}]), "cell 1 has no type or source"),
        (notebook("x", cells=[{"cell_type": "virus", "source": ""}]), "cell 1 has no type or source"),
        (notebook("x", cells=[{"cell_type": "raw"}] * 2001), "2001 cells"),
        (notebook("x" * (3 << 20)), "MB of text"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_file_that_is_no_notebook_is_unreadable_with_a_sentence(folder, raw, words):
    got = read(folder, raw)
    assert got.verdict is Verdict.UNREADABLE and words in got.problem and got.cells == ()


def test_an_empty_folder_is_missing(folder):
    assert read(folder).verdict is Verdict.MISSING


def test_a_wrongly_named_notebook_is_missing_and_named(folder):
    (folder / "a1 (final).ipynb").write_bytes(notebook("x"))
    got = read(folder)
    assert got.verdict is Verdict.MISSING and "'a1 (final).ipynb'" in got.problem and "rename" in got.problem


def test_of_two_notebooks_the_rightly_named_is_read_and_the_other_mentioned(folder):
    (folder / "old.ipynb").write_bytes(notebook("y"))
    got = read(folder, notebook("x"))
    assert got.cells[0].source == "x" and "'old.ipynb'" in got.remarks[0]


def test_links_fifos_and_giants_are_not_read(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("other") / "a1.ipynb"
    elsewhere.write_bytes(notebook("stolen"))
    (folder / "a1.ipynb").symlink_to(elsewhere)
    assert "link" in read(folder).problem
    (folder / "a1.ipynb").unlink()
    os.mkfifo(folder / "a1.ipynb")
    assert "not a regular file" in read(folder).problem
    (folder / "a1.ipynb").unlink()
    with (folder / "a1.ipynb").open("wb") as file:
        file.truncate(submission.MAX_BYTES + 1)
    assert "bytes" in read(folder).problem


def test_surrogates_and_nuls_do_not_survive(folder):
    got = read(folder, notebook("x").replace(b'"x"', b'"\\ud800\\u0000"'))
    got.cells[0].source.encode()
    assert "\0" not in got.cells[0].source


@pytest.mark.parametrize("text", ["2026-12-02 05:00:00 UTC", "2026-12-02T06:00:00+01:00", "2026-12-02 05:00"])
def test_timestamps_are_read_in_utc(folder, text):
    (folder / "timestamp.txt").write_text(text)
    assert submission.timestamp(folder) == (datetime(2026, 12, 2, 5, tzinfo=UTC), "")


@pytest.mark.parametrize("text", ["", "yesterday", "9" * 999, "\0"])
def test_an_unusable_timestamp_is_remarked_on(folder, text):
    (folder / "timestamp.txt").write_text(text)
    when, complaint = submission.timestamp(folder)
    assert when is None and "timestamp.txt was not used" in complaint


def test_a_cell_knows_what_it_defines():
    assert submission.Cell("code", "def f(x):\n    return x").defines("f")
    assert submission.Cell("code", "f = lambda x: x").defines("f")
    assert submission.Cell("code", "def f(x:\n  broken").defines("f")
    assert not submission.Cell("code", "print('f')").defines("f")
    assert not submission.Cell("markdown", "def f(x): 1").defines("f")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "nbformat", "source", "cell_type", "metadata", "nbgrader", "x"]), inner
        )
    ),
    max_leaves=15,
)


@given(json_values)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_cells_or_a_sentence(tmp_path, tree):
    got = read(tmp_path, json.dumps(tree).encode())
    assert bool(got.problem) == (got.verdict is not Verdict.PASSED)


@given(st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_a_notebook_is_cells_or_a_sentence(tmp_path, noise, at):
    raw = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])).encode()
    got = read(tmp_path, raw[:at] + noise + raw[at + len(noise) :])
    assert got.problem or all(isinstance(cell.source, str) for cell in got.cells)


# --- what an instructor is told of a submission -----------------------------------------------------------------


def told(a1, folder, raw=None):
    """What the list says of a submission to a1, and what its report remarks."""
    if raw is not None:
        (folder / f"{A1}.ipynb").write_bytes(raw)
    got = submission.read_submission(folder, "ada", A1)
    return attention.about_submission(a1, got), attention.what_is_wrong(a1, got)


def released(edit=lambda cells: None):
    tree = json.loads((ROOT / "assignments" / A1 / f"{A1}.ipynb").read_bytes())
    edit(tree["cells"])
    return json.dumps(tree).encode()


def cell_of(cells, grade_id):
    return next(cell for cell in cells if cell["metadata"]["nbgrader"]["grade_id"] == grade_id)


WORTH_A_LOOK = {
    "another course's notebook": (notebook("import this"), "none of the exercises"),
    "an empty notebook": (notebook(), "none of the exercises"),
    "the notebook that was given out": (released(), "given out"),
    "the same without metadata": (
        released(lambda cells: [cell.update(metadata={}) for cell in cells]),
        "given out",
    ),
    "code in a raw cell": (
        released(
            lambda cells: cell_of(cells, "conv2d").update(cell_type="raw", source="def conv2d(x, w):\n    return x")
        ),
        "conv2d stands in a raw cell",
    ),
}


@pytest.mark.parametrize("how", WORTH_A_LOOK)
def test_a_zero_that_no_code_explains_is_in_the_list_and_in_the_report(a1, folder, how):
    raw, words = WORTH_A_LOOK[how]
    (listed,), (remark,) = told(a1, folder, raw)
    assert words in listed.what and words in remark and listed.who == "ada" and listed.to_do
    assert listed.where == folder / f"{A1}.ipynb"


def test_a_file_that_cannot_be_read_is_in_the_list(a1, folder):
    (listed,), remarks = told(a1, folder, b"{")
    assert "cut short" in listed.what and "ask the student" in listed.to_do and remarks == []


def test_an_answer_in_doubt_is_in_the_list_by_the_questions_title(a1, folder):
    def edit(cells):
        cell_of(cells, "why_share_weights").update(cell_type="code", source="Because they repeat", outputs=[])

    (listed,), remarks = told(a1, folder, released(edit))
    assert "Why share weights?" in listed.what and "code cell" in listed.what and remarks == []


def test_of_ordinary_work_nothing_is_said(a1, folder):
    def edit(cells):
        cell_of(cells, "conv2d")["source"] = "def conv2d(x, w):\n    return x"
        cell_of(cells, "why_share_weights")["source"] = "Because they repeat."
        cells.insert(3, {"cell_type": "markdown", "source": "My notes", "metadata": {}, "id": "notes"})

    assert told(a1, folder, released(edit)) == ([], [])


def test_code_that_was_copied_into_a_new_notebook_is_of_the_assignment(a1, folder):
    assert told(a1, folder, notebook("def conv2d(x, w):\n    return x")) == ([], [])


def test_a_copy_of_the_graded_notebook_beside_it_is_not_worth_a_word(folder):
    (folder / "Untitled.ipynb").write_bytes(notebook("x"))
    assert read(folder, notebook("x")).remarks == ()
