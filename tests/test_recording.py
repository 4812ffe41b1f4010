"""Reports in nbgrader's gradebook: what it will not take of one student costs no other."""

import pytest
from nbgrader.api import Gradebook

from autograder import sample
from autograder.fleet import Grader
from autograder.nbgrader import execute, gradebook
from autograder.nbgrader.hooks import gradebook_url
from benchmarks.course import make_course

STUDENTS = ("ada", "bela", "hana", "kofi")


@pytest.fixture
def assignment(tmp_path):
    made = make_course(tmp_path / "course", "a1-convolution")
    recipes = {recipe.student: recipe for recipe in sample.recipes(made)}
    for student in STUDENTS:
        folder = made.root / "submitted" / student / made.name
        folder.mkdir(parents=True)
        (folder / f"{made.name}.ipynb").write_bytes(sample.notebook_bytes(recipes[student], made))
    gradebook.require(made)
    return made


@pytest.fixture
def reports(assignment):
    grader = Grader(assignment)
    folders = {student: assignment.root / "submitted" / student / assignment.name for student in STUDENTS}
    submissions = list(folders.items())
    return [one.report for one in grader.many(submissions, jobs=1)]


def scores(assignment):
    with Gradebook(gradebook_url(assignment.root)) as book:
        return {submission.student.id: submission.score for submission in book.assignment_submissions(assignment.name)}


def test_every_score_is_in_the_gradebook(assignment, reports):
    told = []
    assert gradebook.record(assignment, reports, told.append) == {}
    assert scores(assignment) == {report.student: report.score for report in reports}
    assert sorted(told) == sorted([*STUDENTS, *STUDENTS])


@pytest.mark.parametrize("refused", [STUDENTS[0], STUDENTS[1], STUDENTS[-1]])
def test_a_student_that_nbgrader_refuses_costs_no_other(assignment, reports, monkeypatch, refused):
    original = execute.write_outputs

    def write_outputs(notebook, report):
        if report.student == refused:
            raise RuntimeError("nbgrader stumbles")
        original(notebook, report)

    monkeypatch.setattr(execute, "write_outputs", write_outputs)
    failed = gradebook.record(assignment, reports)
    assert list(failed) == [refused] and "nbgrader stumbles" in failed[refused]
    kept = {report.student: report.score for report in reports if report.student != refused}
    assert {student: score for student, score in scores(assignment).items() if student != refused} == kept


def test_a_recording_that_is_interrupted_keeps_whole_students_alone(assignment, reports, monkeypatch):
    original = execute.write_outputs

    def write_outputs(notebook, report):
        if report.student == STUDENTS[2]:
            raise KeyboardInterrupt
        original(notebook, report)

    monkeypatch.setattr(execute, "write_outputs", write_outputs)
    with pytest.raises(KeyboardInterrupt):
        gradebook.record(assignment, reports)
    assert scores(assignment) == {report.student: report.score for report in reports[:2]}


def test_no_submission_is_read_again_to_be_recorded(assignment, reports, monkeypatch):
    monkeypatch.setattr(execute, "_graded", lambda name, student: pytest.fail("it looked for the report again"))
    assert gradebook.record(assignment, reports) == {}
