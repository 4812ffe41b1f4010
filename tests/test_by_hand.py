"""Points and comments given by hand: they reach every page, survive what is graded again, and are in each backup."""

import csv
import shutil
import zipfile
from pathlib import Path

import pytest

from autograder.course.assignment import Assignment, load_assignment
from autograder.grading.store import Store
from autograder.nbgrader import backup, feedback, gradebook
from autograder.nbgrader.recording import Recording, record
from tests.broken_course import give_by_hand
from tests.conftest import command
from tests.test_recording import STUDENTS, graded  # noqa: F401 - a fixture

QUESTION, COMMENT = "why_share_weights", "Well said, and short."


@pytest.fixture(scope="module")
def recorded(graded: Assignment) -> Assignment:  # noqa: F811
    """A class in the gradebook; the first student's answer was then read."""
    assert record(graded, reports_of(graded)) == {}
    give_by_hand(graded.root, STUDENTS[0], QUESTION, 2.5, COMMENT)
    return graded


@pytest.fixture
def assignment(recorded: Assignment, tmp_path: Path) -> Assignment:
    return load_assignment(shutil.copytree(recorded.root, tmp_path / "course"), recorded.name)


def reports_of(assignment: Assignment) -> list:
    store = Store(assignment.root)
    return [store.get(store.latest(assignment.name, student).key) for student in STUDENTS]


def pages(assignment: Assignment, student: str) -> dict[str, str]:
    folder = assignment.root / "feedback" / student / assignment.name
    return {path.name: path.read_text() for path in folder.glob("*.html")}


def assert_told(assignment: Assignment) -> None:
    """Both pages of the first student say what was given by hand."""
    told = pages(assignment, STUDENTS[0])
    assert sorted(told) == [f"{assignment.name}.html", "report.html"]
    assert all(COMMENT in page for page in told.values())
    assert "2.5 of 3" in told["report.html"] and "Score: 2.5 / 3.0" in told[f"{assignment.name}.html"]


def test_what_is_given_by_hand_reaches_both_pages_and_those_of_nobody_else_are_made(assignment):
    assert feedback.bring_up_to_date(assignment).made == [STUDENTS[0]]
    assert_told(assignment)
    assert feedback.bring_up_to_date(assignment).made == []


def test_pages_that_are_gone_or_were_replaced_are_made_again(assignment):
    feedback.bring_up_to_date(assignment)
    folder = assignment.root / "feedback"
    shutil.rmtree(folder / STUDENTS[0])
    (folder / STUDENTS[1] / assignment.name / "report.html").unlink()
    (folder / STUDENTS[2] / assignment.name / f"{assignment.name}.html").write_text("something else")
    assert sorted(feedback.bring_up_to_date(assignment).made) == sorted(STUDENTS[:3])
    assert_told(assignment)
    assert all(len(pages(assignment, student)) == 2 for student in STUDENTS)


def test_nbgraders_own_command_keeps_our_page_and_brings_it_up_to_date(assignment):
    command("nbgrader", "generate_feedback", assignment.name, "--force", cwd=assignment.root, check=True)
    assert_told(assignment)


def test_a_page_to_upload_is_a_zip_a_student(assignment):
    feedback.bring_up_to_date(assignment)
    path, *others = feedback.zip_pages(assignment, STUDENTS)
    assert len(others) == len(STUDENTS) - 1
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == pages(assignment, STUDENTS[0])


@pytest.mark.parametrize("same", [True, False])
def test_an_answer_that_was_read_is_to_be_read_again_only_in_another_submission(assignment, same):
    with Recording(assignment) as recording:
        recording.add(reports_of(assignment), STUDENTS if same else ())
    standing = gradebook.standings(assignment)[STUDENTS[0]]
    assert standing.exercises[QUESTION].by_hand == 2.5 and standing.exercises[QUESTION].comment == COMMENT
    assert standing.to_be_read == ([] if same else [QUESTION])


def test_grades_are_exported_in_the_students_order(assignment):
    with Recording(assignment) as recording:
        recording.add(reports_of(assignment)[::-1])
    gradebook.enrol(assignment.root, ["zoe", "abe"])
    gradebook.export(assignment.root, assignment.root / "grades.csv")
    with (assignment.root / "grades.csv").open(newline="") as file:
        students = [row["student_id"] for row in csv.DictReader(file)]
    assert students == sorted([*STUDENTS, "abe", "zoe"])


def test_a_backup_brings_back_what_was_given_by_hand_and_keeps_reports_made_since(assignment):
    made = backup.make(assignment.root)
    assert made.path.stat().st_mode & 0o077 == 0
    give_by_hand(assignment.root, STUDENTS[0], QUESTION, 0.0, "A mistake.")
    since = assignment.root / ".autograder" / "reports" / "zz" / "later.json"
    since.parent.mkdir()
    since.write_text("{}")
    _, aside = backup.restore(assignment.root, made.path)
    assert gradebook.standings(assignment)[STUDENTS[0]].exercises[QUESTION].comment == COMMENT
    assert since.is_file() and (aside / "gradebook.db").is_file()
