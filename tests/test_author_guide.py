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


def test_what_it_shows_validates(course):
    assert command("autograder", "release", NAME, cwd=course).stdout == f"assignments/{NAME}\n"
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
