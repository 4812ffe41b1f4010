"""Students name themselves: no name runs as code, moves a cursor, breaks a table or takes another's grade."""

import csv
import html
import json
import os
import re
import shutil

import pytest
from nbgrader.api import Gradebook

from autograder.authoring import sample_class
from autograder.course.assignment import load_assignment
from autograder.course.submission import list_submissions
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.export import harmless
from tests.conftest import A1, command, copy_course

RIGHT, UNDONE = 27.0, 0.0
NAMES = [
    '=HYPERLINK("http:x")',
    "+1+cmd|' 'A0",
    "-2+3",
    "@SUM(A1)",
    "<script>alert(1)<",
    '"><img src=x onerror=alert(1)>',
    "' or 1=1 --",
    "{{7*7}}{%raw%}${x}",
    "[red]bold[",
    "[x]*",
    "x",
    "a?b",
    "{nbgrader_step}",
    "line\nbreak",
    "\x1b[31mred\x07",
    "tab\tbed",
    "a,b;c",
    "émilie 山田 \N{GRINNING FACE}",
    "e\u0301",
    "\u202egnp.exe",
    "x" * 200,
    "-h",
    "back\\slash",
    "%s%n%00",
    "#hash&amp;",
    "CON",
    "~root",
    "$(id)`id`",
]


def right(index):
    return index % 2 == 0


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course in which every other student solved everything and the rest nothing, graded; and what was said."""
    root = copy_course(tmp_path_factory.mktemp("names") / "course")
    assignment = load_assignment(root, A1)
    recipes = {recipe.student: recipe for recipe in sample_class.recipes(assignment)}
    for index, name in enumerate(NAMES):
        folder = root / "submitted" / name / A1
        folder.mkdir(parents=True)
        recipe = recipes["ada" if right(index) else "hugo"]
        (folder / f"{A1}.ipynb").write_bytes(sample_class.notebook_bytes(recipe, assignment))
    undecodable = os.fsencode(root / "submitted") + b"/\xff\xfe"
    os.makedirs(undecodable + b"/" + A1.encode())
    done = command("autograder", "grade", A1, cwd=root)
    return root, done


def scores(root):
    with Gradebook(gradebook_url(root)) as gradebook:
        return {s.student.id: s.score for s in gradebook.assignment_submissions(A1)}


def test_every_grade_lands_under_the_right_name(graded):
    root, done = graded
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert scores(root) == {name: RIGHT if right(index) else UNDONE for index, name in enumerate(NAMES)}


def test_a_name_that_is_no_text_is_told_of_and_costs_nobody_else_anything(graded):
    root, done = graded
    assert done.returncode == 1 and "not text" in done.stderr
    assert len(list_submissions(root / "submitted", A1)) == len(NAMES)


def test_each_can_be_named_on_the_command_line_and_what_is_printed_moves_no_cursor(graded):
    root, done = graded
    again = command("autograder", "grade", A1, *(f"--student={name}" for name in NAMES), cwd=root)
    for text in (done.stderr, done.stdout, again.stderr, again.stdout):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)
    assert f"0 graded now, {len(NAMES)} from the store" in again.stderr


def test_reports_as_json_stay_one_line_a_student(graded):
    root, _ = graded
    done = command("autograder", "grade", A1, "--no-gradebook", "--json", cwd=root)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {r["student"]: r["score"] for r in found} == {n: RIGHT if right(i) else UNDONE for i, n in enumerate(NAMES)}


def test_the_export_is_a_table_that_no_spreadsheet_runs(graded):
    root, _ = graded
    assert command("nbgrader", "export", "--to", "by-nbgrader.csv", cwd=root).returncode == 0
    for path in ("grades.csv", "by-nbgrader.csv"):
        with (root / path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["student_id"] for row in rows} == {harmless(name) for name in NAMES}
        assert all(not cell.lstrip("\t\r\n ").startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
        wanted = {harmless(name): RIGHT if right(index) else UNDONE for index, name in enumerate(NAMES)}
        assert {row["student_id"]: float(row["raw_score"]) for row in rows} == wanted


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_feedback_shows_the_name_as_text(graded, name):
    root, _ = graded
    page = (root / "feedback" / name / A1 / "report.html").read_text()
    nbgraders = (root / "feedback" / name / A1 / f"{A1}.html").read_text()
    for text in (page, nbgraders):
        assert "<script>alert(1)" not in text and "<img src=x" not in text
        assert "\x1b" not in text and "\u202e" not in text
    if name.isprintable() and len(name) < 100:
        assert name in html.unescape(page)


def test_formgraders_data_hold_the_names_as_they_are(graded):
    root, _ = graded
    with Gradebook(gradebook_url(root)) as gradebook:
        assert {s["id"] for s in gradebook.student_dicts()} == set(NAMES)
        found = gradebook.submission_dicts(A1)
        assert {s["student"] for s in found} == set(NAMES) and json.loads(json.dumps(found, default=str))
    for name in NAMES:
        assert (root / "autograded" / name / A1 / f"{A1}.ipynb").is_file()


def test_one_name_among_others_is_no_pattern_for_them(graded):
    """``[x]*`` is a pattern that student ``x`` matches: regrading the one must not touch the other."""
    root, _ = graded
    notebook = root / "submitted" / "[x]*" / A1 / f"{A1}.ipynb"
    kept = notebook.read_bytes()
    shutil.copy(root / "submitted" / "x" / A1 / f"{A1}.ipynb", notebook)
    before = (root / "autograded" / "x" / A1 / f"{A1}.ipynb").stat().st_mtime_ns
    try:
        assert command("autograder", "grade", A1, "--student=[x]*", cwd=root).returncode == 0
        assert scores(root)["[x]*"] == scores(root)["x"]
        assert (root / "autograded" / "x" / A1 / f"{A1}.ipynb").stat().st_mtime_ns == before
    finally:
        notebook.write_bytes(kept)
        command("autograder", "grade", A1, "--student=[x]*", cwd=root)
