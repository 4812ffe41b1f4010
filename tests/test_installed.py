"""The harness alone: its wheel, installed somewhere, grades a course that has nothing of this repository.

That course has two assignments. What changes in it or in the installed package regrades what it decides, and nobody
else.
"""

import csv
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from tests.conftest import ROOT

EXERCISES = {"w1-sums": ("total", "x.sum()"), "w2-scales": ("double", "2 * x")}
STUDENTS = ("amal", "bo", "chen")


def author(root: Path, name: str) -> None:
    """Write one assignment of one exercise as an author does."""
    function, answer = EXERCISES[name]
    folder = root / "solutions" / name
    for part in ("tests", "hidden"):
        (folder / part).mkdir(parents=True)
    (folder / "assignment.toml").write_text(
        f'title = "{name}"\ndue = 2030-01-01T12:00:00+00:00\n'
        "[[late]]\nwithin_hours = 24\nloses = 0.5\n\n"
        f'[exercise.{function}]\ntitle = "One line"\npoints = 4\n'
    )
    marks = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
    code, new = nbformat.v4.new_code_cell, nbformat.v4.new_notebook()
    stub = f"def {function}(x):\n    ### BEGIN SOLUTION\n    return {answer}\n    ### END SOLUTION\n"
    for source, about in (
        ("from autograder.check import check", {"grade_id": "setup", "locked": True}),
        (stub, {"grade_id": function, "solution": True}),
        (f'check("{function}")', {"grade_id": f"check-{function}", "grade": True, "locked": True, "points": 4}),
    ):
        new.cells.append(code(source, metadata={"nbgrader": {**marks, **about, "cell_type": "code"}}))
    nbformat.write(new, folder / f"{name}.ipynb")
    for part, size in (("tests", 3), ("hidden", 5)):
        (folder / part / f"test_{function}.py").write_text(
            textwrap.dedent(f'''
                from autograder.suite import assert_close, normal

                def test_{part}(student, rng):
                    """The function should work on every entry."""
                    x = normal(rng, {size})
                    assert_close(student.{function}(x), {answer})
            ''')
        )


def hand_in(root: Path, name: str, student: str, answer: str, when: str) -> None:
    function, _ = EXERCISES[name]
    notebook = nbformat.read(root / "assignments" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.grade_id == function:
            cell.source = f"def {function}(x):\n    return {answer}\n"
    folder = root / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "timestamp.txt").write_text(when)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that the wheel is installed into, and nothing else of this project."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return folder / "site"


@pytest.fixture(scope="module")
def autograder(installed, tmp_path_factory):
    """Runs the installed command in a course with two graded assignments, and returns what it did."""
    root = tmp_path_factory.mktemp("elsewhere") / "course"
    for name in EXERCISES:
        author(root, name)
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, str(installed / "bin" / "autograder"), *words]
        return subprocess.run(program, cwd=root, env=environment, capture_output=True, text=True, timeout=600)

    run.root, run.environment = root, environment
    assert (done := run("release")).returncode == 0, done.stderr
    for name, (_, answer) in EXERCISES.items():
        for student, given in zip(STUDENTS, (answer, "x", answer), strict=True):
            late = "2030-01-01 13:00:00 UTC" if student == "chen" else "2029-12-31 12:00:00 UTC"
            hand_in(root, name, student, given, late)
        assert (done := run("grade", name)).returncode == 0, done.stderr
    return run


def scores(root: Path) -> dict[tuple[str, str], float]:
    with (root / "grades.csv").open(newline="") as file:
        return {(row["assignment"], row["student_id"]): float(row["score"]) for row in csv.DictReader(file)}


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_it_is_the_installed_package_that_runs(autograder, installed):
    where = "import autograder, pixelwise; print(autograder.__file__, pixelwise.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", where], cwd="/", env=autograder.environment, capture_output=True, text=True
    )
    assert all(path.startswith(str(installed)) for path in done.stdout.split())


def test_the_wheel_holds_nothing_of_the_course(installed):
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*")}
    assert not [name for name in names if re.search(r"a1-|hidden/|variants/|solutions|sample_class\.toml", name)]


def test_both_assignments_are_graded_with_late_work_and_feedback(autograder):
    assert scores(autograder.root) == {
        (name, student): score for name in EXERCISES for student, score in zip(STUDENTS, (4.0, 0.0, 2.0), strict=True)
    }
    for name in EXERCISES:
        for student in STUDENTS:
            folder = autograder.root / "feedback" / student / name
            assert (folder / "report.html").is_file() and (folder / f"{name}.html").is_file()


def test_what_students_get_holds_nothing_that_is_the_authors_alone(autograder):
    for name, (function, _) in EXERCISES.items():
        folder = autograder.root / "assignments" / name
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert files == {f"{name}.ipynb", "assignment.toml", f"tests/test_{function}.py"}


def test_a_colour_a_help_text_and_the_due_date_regrade_nobody(autograder, installed):
    root = autograder.root
    change(installed / "autograder" / "pages" / "theme.py", "#0b7a59", "#0b7a58")
    change(installed / "autograder" / "cli" / "grading.py", "only this student", "no other student")
    (root / "solutions" / "w1-sums" / "sample_class.py").write_text("RECIPES = []\n")
    change(root / "solutions" / "w1-sums" / "assignment.toml", "2030-01-01T12:00", "2030-01-01T14:00")
    for name in EXERCISES:
        done = autograder("grade", name)
        assert done.returncode == 0, done.stderr
        assert f"{len(STUDENTS)} submissions, 0 graded now, {len(STUDENTS)} from the store" in done.stderr
    # The due date decides no report, and late work by it: nobody is late for the first assignment any more.
    assert scores(root)["w1-sums", "chen"] == 4.0 and scores(root)["w2-scales", "chen"] == 2.0
    assert "1 January 2030, 14:00" in (root / "feedback" / "amal" / "w1-sums" / "report.html").read_text()
    assert "hours after the due time" not in (root / "feedback" / "chen" / "w1-sums" / "report.html").read_text()


def test_a_changed_hidden_test_regrades_its_assignment_alone_and_names_who_moved(autograder):
    suite = autograder.root / "solutions" / "w2-scales" / "hidden" / "test_double.py"
    change(suite, "2 * x", "x")
    moved = autograder("grade", "w2-scales").stderr
    assert "3 submissions, 3 graded now, 0 from the store" in moved
    lines = [line for line in moved.splitlines() if line.startswith("moved:")]
    assert [line.split()[1] for line in lines] == list(STUDENTS)
    assert all(line.endswith("the suite test_double.py changed") for line in lines)
    assert "0 graded now, 3 from the store" in autograder("grade", "w1-sums").stderr


def test_reports_come_as_json_as_well(autograder):
    done = autograder("grade", "w1-sums", "--no-gradebook", "--json")
    assert [json.loads(line)["score"] for line in done.stdout.splitlines()] == [4.0, 0.0, 4.0]
