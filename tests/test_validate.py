"""`autograder validate` proves an assignment, and each of its checks can fail."""

import json
import shutil

import pytest

from autograder.authoring import validate
from autograder.course.assignment import load_assignment
from tests.conftest import A1, ROOT, command, copy_course


def test_every_assignment_of_the_course_holds():
    done = command("autograder", "validate", "--json", cwd=ROOT)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and [c for a in found for c in a["checks"] if not c["holds"]] == []
    assert done.returncode == 0


@pytest.fixture
def root(tmp_path):
    return copy_course(tmp_path / "course")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def failing(root):
    """The titles and problems of the static checks that do not hold. Stops before any submission is graded."""
    assignment = load_assignment(root, A1)
    checks = zip(("cells", "suites", "release", "leaks"), validate.static_checks(assignment).values(), strict=True)
    return {name: found for name, problems in checks if (found := list(problems))}


def test_the_course_as_it_stands_passes_the_static_checks(root):
    assert failing(root) == {}


def test_points_that_disagree_are_found(root):
    edit(root / "solutions" / A1 / "assignment.toml", "points = 6", "points = 5")
    assert "the notebook gives 6" in failing(root)["cells"][0]


def test_an_exercise_without_cells_is_found(root):
    with (root / "solutions" / A1 / "assignment.toml").open("a") as file:
        file.write('[exercise.conv3d]\ntitle = "Deeper"\npoints = 1\n')
    found = failing(root)
    assert "no solution cell with grade_id conv3d" in found["cells"][0]
    assert any("test_conv3d.py does not exist" in problem for problem in found["suites"])


def test_a_test_without_a_sentence_for_the_student_is_found(root):
    suite = root / "solutions" / A1 / "hidden" / "test_conv2d.py"
    suite.write_text(suite.read_text() + "\n\ndef test_more(student):\n    assert student\n")
    assert "test_more has no docstring" in failing(root)["suites"][0]


def test_a_missing_gate_is_found(root):
    suite = root / "solutions" / A1 / "hidden" / "test_conv2d.py"
    suite.write_text(suite.read_text().replace("@pytest.mark.gate", "@pytest.mark.points(1)"))
    assert "no gate that measures it" in failing(root)["suites"][0]


def test_a_stale_release_is_found(root):
    edit(root / "solutions" / A1 / "tests" / "test_conv2d.py", '"""', '"""Now ')
    assert "tests/test_conv2d.py is stale" in failing(root)["release"][0]
    (root / "assignments" / A1 / "extra.txt").write_text("x")
    assert any("extra.txt does not come from solutions/" in p for p in failing(root)["release"])


def test_a_solution_in_what_students_get_is_found(root):
    source = root / "solutions" / A1 / "hidden" / "test_conv2d.py"
    shutil.copy(source, root / "assignments" / A1 / "tests" / "test_hidden.py")
    assert "of a hidden suite" in failing(root)["leaks"][0]
    shutil.copy(root / "solutions" / A1 / f"{A1}.ipynb", root / "assignments" / A1)
    leaks = failing(root)["leaks"]
    assert any("of a solution" in leak for leak in leaks) and any("markers" in leak for leak in leaks)
