"""Reports in nbgrader's gradebook: what it will not take of one student costs no other."""

import shutil
import subprocess
import sys
import time

import pytest
from nbgrader.api import Gradebook

from autograder.authoring import sample_class
from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.verdict import Verdict
from autograder.grading.grader import Grader
from autograder.grading.local import LocalExecutor
from autograder.grading.store import Store
from autograder.nbgrader import execute
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.recorder_process import RecorderProcess
from autograder.nbgrader.recording import Recording, record
from autograder.nbgrader.release import require
from benchmarks.course import make_course

STUDENTS = ("ada", "bela", "hana", "kofi")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course whose submissions are graded, and none of them recorded."""
    made = make_course(tmp_path_factory.mktemp("graded") / "course", "a1-convolution")
    recipes = {recipe.student: recipe for recipe in sample_class.recipes(made)}
    for student in STUDENTS:
        folder = made.root / "submitted" / student / made.name
        folder.mkdir(parents=True)
        (folder / f"{made.name}.ipynb").write_bytes(sample_class.notebook_bytes(recipes[student], made))
    require(made)
    folders = {student: made.root / "submitted" / student / made.name for student in STUDENTS}
    Grader(made).grade_class(list(folders.items()), LocalExecutor(1))
    return made


@pytest.fixture
def assignment(graded, tmp_path):
    return load_assignment(shutil.copytree(graded.root, tmp_path / "course"), graded.name)


@pytest.fixture
def reports(assignment):
    store = Store(assignment.root)
    return [store.get(store.latest(assignment.name, student).key) for student in STUDENTS]


def scores(assignment):
    with Gradebook(gradebook_url(assignment.root)) as book:
        return {submission.student.id: submission.score for submission in book.assignment_submissions(assignment.name)}


def test_every_score_is_in_the_gradebook(assignment, reports):
    told = []
    assert record(assignment, reports, told.append) == {}
    assert scores(assignment) == {report.student: report.score for report in reports}
    assert sorted(told) == sorted([*STUDENTS, *STUDENTS])


@pytest.mark.parametrize("refused", [STUDENTS[0], STUDENTS[1], STUDENTS[-1]])
def test_a_student_that_nbgrader_refuses_costs_no_other(assignment, reports, monkeypatch, refused):
    original = execute.write_outputs

    def write_outputs(notebook, report, titles):
        if report.student == refused:
            raise RuntimeError("nbgrader stumbles")
        original(notebook, report, titles)

    monkeypatch.setattr(execute, "write_outputs", write_outputs)
    failed = record(assignment, reports)
    assert list(failed) == [refused] and "nbgrader stumbles" in failed[refused]
    kept = {report.student: report.score for report in reports if report.student != refused}
    assert {student: score for student, score in scores(assignment).items() if student != refused} == kept


def test_a_recording_that_is_interrupted_keeps_whole_students_alone(assignment, reports, monkeypatch):
    original = execute.write_outputs

    def write_outputs(notebook, report, titles):
        if report.student == STUDENTS[2]:
            raise KeyboardInterrupt
        original(notebook, report, titles)

    monkeypatch.setattr(execute, "write_outputs", write_outputs)
    with pytest.raises(KeyboardInterrupt):
        record(assignment, reports)
    assert scores(assignment) == {report.student: report.score for report in reports[:2]}


def test_who_handed_in_no_notebook_is_recorded_whenever_that_is_added(assignment, reports):
    (assignment.root / "submitted" / "nobody" / assignment.name).mkdir(parents=True)
    nothing = reports[0].model_copy(update={"student": "nobody", "score": 0.0, "verdict": Verdict.UNREADABLE})
    with Recording(assignment) as recording:
        recording.add(reports[:2])
        recording.add([nothing])
        assert recording.failed == {}
    assert scores(assignment) == {report.student: report.score for report in reports[:2]} | {"nobody": 0.0}


def test_a_recorder_takes_reports_as_they_come(assignment, reports):
    store = Store(assignment.root)
    told = []
    with RecorderProcess(assignment) as recorder:
        recorder.ready()
        for report in reports:
            recorder.add(report.student)
        assert recorder.finish(lambda visits, expected, at: told.append((visits, expected))).failed == {}
    assert scores(assignment) == {report.student: report.score for report in reports}
    assert told[-1] == (2 * len(reports), 2 * len(reports))
    assert all(store.latest(assignment.name, student).recorded for student in STUDENTS)
    assert (assignment.root / "grades.csv").is_file()
    assert all((assignment.root / "feedback" / s / assignment.name / "report.html").is_file() for s in STUDENTS)


@pytest.mark.parametrize("when", ["at once", "ready", "added"])
def test_a_recorder_that_is_killed_begins_again(assignment, reports, when):
    with RecorderProcess(assignment) as recorder:
        if when == "at once":
            recorder.process.kill()
        recorder.ready()
        if when == "ready":
            recorder.process.kill()
        for report in reports:
            recorder.add(report.student)
        if when == "added":
            recorder.process.kill()
        assert recorder.finish().failed == {}
    assert scores(assignment) == {report.student: report.score for report in reports}


def test_a_recorder_that_is_killed_again_and_again_says_so(assignment):
    with RecorderProcess(assignment) as recorder, pytest.raises(AssignmentError, match="run the same command again"):
        while True:
            recorder.process.kill()
            recorder.process.join()
            recorder.add(STUDENTS[0])
            recorder.ready()


def test_a_recorder_that_stumbles_does_not_stop_the_grading(assignment, reports):
    with RecorderProcess(assignment) as recorder:
        recorder.ready()
        (assignment.root / "gradebook.db").write_bytes(b"not a database")
        for report in reports:
            recorder.add(report.student)
            time.sleep(0.1)
        with pytest.raises(AssignmentError):
            recorder.finish()


def test_what_nbgrader_would_not_have_ends_the_run_before_anything_is_graded(assignment):
    (assignment.release / f"{assignment.name}.ipynb").unlink()
    with RecorderProcess(assignment) as recorder, pytest.raises(AssignmentError, match="autograder release"):
        recorder.ready()


def test_a_refusal_that_is_heard_early_is_said_in_its_own_words(assignment):
    (assignment.release / f"{assignment.name}.ipynb").unlink()
    with RecorderProcess(assignment) as recorder:
        recorder.process.join()  # it has said why nothing can be recorded
        recorder.add(STUDENTS[0])
        with pytest.raises(AssignmentError, match="autograder release"):
            recorder.ready()


def test_the_grader_itself_imports_neither_nbgrader_nor_pytorch():
    # Nor the grammar of IRIs, which takes longer than all of ours and comes with nbformat unless that is prevented.
    slow = "('nbgrader', 'torch', 'rfc3987_syntax')"
    program = f"import sys, autograder.cli; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_recorder_does_not_import_pytorch():
    program = "import sys, autograder.nbgrader.recording; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_submission_is_read_again_to_be_recorded(assignment, reports, monkeypatch):
    monkeypatch.setattr(execute, "read_submission", lambda *_: pytest.fail("it looked for the report again"))
    assert record(assignment, reports) == {}
