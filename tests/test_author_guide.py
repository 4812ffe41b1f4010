"""CONTRIBUTING.md, followed to the letter, gives an assignment that validates and a sample class that is graded."""

import json

import pytest

from tests.author_guide import CELL, FILE, NAME, write_assignment
from tests.conftest import ROOT, command, empty_course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = empty_course(tmp_path_factory.mktemp("guide") / "course")
    write_assignment(root)
    return root


def test_the_guide_shows_every_file_and_cell_of_an_assignment(course):
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(FILE.findall(guide)) == 6 and len(CELL.findall(guide)) == 5
    assert {path.name for path in (course / "solutions" / NAME).iterdir()} == {
        "assignment.toml", f"{NAME}.ipynb", "tests", "hidden", "variants", "sample_class.py"
    }  # fmt: skip


def test_the_skeleton_is_what_the_guide_shows(course, tmp_path):
    root = empty_course(tmp_path / "course")
    done = command("autograder", "new", NAME, cwd=root)
    assert (done.returncode, done.stdout) == (0, f"solutions/{NAME}\n")
    made, shown = (
        {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
        for folder in (root / "solutions" / NAME, course / "solutions" / NAME)
    )
    assert made == {path: text for path, text in shown.items() if path.name != "hints.json"}


@pytest.mark.parametrize(("name", "sentence"), [(NAME, "is there already"), ("B 1", "cannot be an assignment's name")])
def test_a_name_that_is_none_or_taken_is_refused(course, name, sentence):
    done = command("autograder", "new", name, cwd=course)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and sentence in line


def test_what_it_shows_validates(course):
    assert command("autograder", "release", NAME, cwd=course).stdout == f"assignments/{NAME}\n"
    assert command("autograder", "hints", NAME, cwd=course).stdout == f"solutions/{NAME}/hints.json\n"
    done = command("autograder", "validate", NAME, "--draws", "3", "--json", cwd=course)
    found = json.loads(done.stdout)
    assert [problem for check in found["checks"] for problem in check["problems"]] == []
    assert done.returncode == 0
    assert found["scores"]["correct/out_of_place.py"] == {"scale": [{"verdict": "passed", "score": 4.0, "draws": 3}]}
    assert found["scores"]["untouched release"] == {"scale": [{"verdict": "missing", "score": 0.0, "draws": 3}]}


def test_its_sample_class_gets_the_grades_that_it_states(course):
    assert command("autograder", "release", NAME, cwd=course).returncode == 0
    assert command("autograder", "sample", NAME, cwd=course).returncode == 0
    done = command("autograder", "grade", NAME, "--json", cwd=course)
    assert [(r["student"], r["score"]) for r in map(json.loads, done.stdout.splitlines())] == [("ada", 4), ("ben", 0)]
