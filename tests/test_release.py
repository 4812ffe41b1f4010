"""A release is made whole or not at all, and never in the place of one that students could still use."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.files import UNFINISHED, remove_unfinished
from autograder.grading.grader import Grader
from autograder.nbgrader import release as releasing
from autograder.nbgrader.database import open_gradebook
from autograder.nbgrader.release import known, release, require
from tests.author_guide import NAME, write_assignment
from tests.conftest import command, empty_course

KILLS = int(os.environ.get("PIXELWISE_KILLS", "3"))
SEED = int(os.environ.get("PIXELWISE_SEED", "1"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = empty_course(tmp_path_factory.mktemp("release") / "course")
    write_assignment(root)
    release(load_assignment(root, NAME))
    return root


@pytest.fixture
def root(whole, tmp_path):
    """A course whose author has changed an assignment since it was released."""
    root = shutil.copytree(whole, tmp_path / "course")
    change(root, "changed")
    return root


def change(root, word):
    """A new visible test, and other points: the files of the release and the gradebook have to change with it."""
    source = root / "solutions" / NAME
    suite = source / "tests" / "test_scale.py"
    suite.write_text(suite.read_text().replace('"""What', f'"""({word}) What', 1))
    (source / f"{word}.txt").write_text("a file beside the notebook")
    manifest, notebook = source / "assignment.toml", source / f"{NAME}.ipynb"
    manifest.write_text(manifest.read_text().replace("points = 4", "points = 5"))
    notebook.write_text(notebook.read_text().replace('"points": 4', '"points": 5'))


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def generated(root, into):
    """What a release that nobody disturbs gives."""
    releasing.generate(load_assignment(root, NAME), into)
    return files(into / NAME)


def test_it_replaces_the_old_one_and_leaves_nothing_beside_it(root, tmp_path):
    release(load_assignment(root, NAME))
    assert files(root / "assignments" / NAME) == generated(root, tmp_path / "fresh")
    assert [path.name for path in (root / "assignments").iterdir()] == [NAME]
    assert known(load_assignment(root, NAME))


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("assignment.toml", "points = 5", "points = 6", "scale: the notebook gives 5 points, the manifest 6"),
        (
            "assignment.toml",
            "[exercise.scale]",
            "[exercise.zoom]",
            "zoom: there is no solution cell with grade_id zoom",
        ),
        ("hidden/test_scale.py", "def definition", "def", "hidden/test_scale.py, line 8, is not Python"),
        ("tests/test_scale.py", "def test_", "def ", "tests/test_scale.py holds no test"),
        (f"{NAME}.ipynb", "with the number", "with return x.add_(k).mul_(k).sub_(k)", "holds this line of a solution"),
    ],
)
def test_what_does_not_agree_is_refused_in_a_sentence_before_anything_is_written(root, file, old, new, sentence):
    path = root / "solutions" / NAME / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    if "solution" in sentence and file.endswith("ipynb"):
        path.write_text(path.read_text().replace("    return x * k", "    return x.add_(k).mul_(k).sub_(k)"))
    before = files(root)
    done = command("autograder", "release", NAME, cwd=root)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("autograder: b1 cannot be released: ") and sentence in line
    assert files(root) == before


def test_what_nbgrader_refuses_leaves_the_old_one(root, monkeypatch):
    def refuse(*_, tell_gradebook=False):
        if tell_gradebook:
            raise AssignmentError("no")
        return generate(*_)

    generate, before = releasing.generate, files(root / "assignments")
    monkeypatch.setattr(releasing, "generate", refuse)
    with pytest.raises(AssignmentError, match="no"):
        release(load_assignment(root, NAME))
    assert files(root / "assignments") == before


def test_other_cells_than_submissions_were_graded_with_are_refused_with_the_way_out(root):
    release(load_assignment(root, NAME))
    with open_gradebook(root) as gradebook:
        gradebook.add_student("ada")
        gradebook.add_submission(NAME, "ada")
    notebook = nbformat.read(root / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    mark = {"grade_id": "note", "locked": True, "grade": False, "solution": False, "schema_version": 3, "task": False}
    notebook.cells.append(nbformat.v4.new_markdown_cell("A note.", metadata={"nbgrader": mark}))
    nbformat.write(notebook, root / "solutions" / NAME / f"{NAME}.ipynb")
    before = files(root / "assignments")
    done = command("autograder", "release", NAME, cwd=root)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and f"`nbgrader db assignment remove {NAME} --force`" in line
    assert files(root / "assignments") == before
    command("nbgrader", "db", "assignment", "remove", NAME, "--force", cwd=root, check=True)
    done = command("autograder", "release", NAME, cwd=root)
    assert done.returncode == 0, done.stderr
    assert known(load_assignment(root, NAME))


def test_where_folders_cannot_be_exchanged_the_files_are_one_by_one(root, tmp_path, monkeypatch):
    def cannot(one, other):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(releasing, "_exchange", cannot)
    (root / "assignments" / NAME / "old.txt").write_text("no longer there")
    release(load_assignment(root, NAME))
    assert files(root / "assignments" / NAME) == generated(root, tmp_path / "fresh")
    assert [path.name for path in (root / "assignments").iterdir()] == [NAME]


def test_what_a_process_that_still_runs_makes_is_left_to_it(root):
    mine = root / "assignments" / f"{UNFINISHED}{os.getpid()}-mine"
    mine.mkdir()
    release(load_assignment(root, NAME))
    assert mine.is_dir()


# --- killed -------------------------------------------------------------------------------------------------------

PROGRAM = """
import os, signal, sys
from pathlib import Path
from autograder.course.assignment import load_assignment
from autograder.nbgrader import release as releasing
from nbgrader.preprocessors import SaveCells

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

owner, _, name = sys.argv[2].partition(".")
setattr({"releasing": releasing, "SaveCells": SaveCells, "agreement": releasing.agreement}[owner], name, die)
releasing.release(load_assignment(Path(sys.argv[1]), sys.argv[3]))
"""
STEPS = (
    "agreement.leaks",  # the files are made
    "SaveCells._create_notebook",  # while the gradebook is told
    "SaveCells._create_grade_cell",
    "releasing.put_in_place",  # the gradebook is told
    "releasing.set_due_date",  # all but the date is done
)


def old_or_new(root, old, new):
    """Which release there is; it has to be one of the two, whole, and the next command has to do with it."""
    found = files(root / "assignments" / NAME)
    assert found in (old, new), sorted(found)
    assignment = load_assignment(root, NAME)
    Grader(assignment)
    require(assignment)  # what `grade` begins with
    remove_unfinished(root)  # what every command begins with
    release(load_assignment(root, NAME))
    assert files(root / "assignments" / NAME) == new
    assert [path.name for path in (root / "assignments").iterdir()] == [NAME]
    assert known(load_assignment(root, NAME))
    return "old" if found == old else "new"


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps_it_leaves_the_old_or_the_new_one(root, tmp_path, step):
    old, new = files(root / "assignments" / NAME), generated(root, tmp_path / "fresh")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(root), step, NAME], capture_output=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert old_or_new(root, old, new) == ("new" if step == STEPS[-1] else "old")


def test_killed_at_any_moment_it_leaves_the_old_or_the_new_one(whole, tmp_path):
    """In a course that has no gradebook yet, as on the first day."""
    draw = random.Random(SEED)
    for number in range(KILLS):
        root = shutil.copytree(whole, tmp_path / f"course-{number}")
        (root / "gradebook.db").unlink()
        change(root, "changed")
        old, new = files(root / "assignments" / NAME), generated(root, tmp_path / f"fresh-{number}")
        words = [str(Path(sys.executable).parent / "autograder"), "release", NAME]
        run = subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while run.poll() is None and not list((root / "assignments").glob(f"{UNFINISHED}*")):
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 1.5))
        run.kill()
        run.wait()
        old_or_new(root, old, new)
