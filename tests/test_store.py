"""Reports on disk: whole or absent, found again by what decided them, and never counted twice."""

import os

import pytest

from autograder.course.report import ExerciseResult, Report, TestResult, score_exercise
from autograder.course.verdict import Verdict, worst
from autograder.grading.grader import Graded
from autograder.grading.store import Store


def report(student="ada", score=3.0, key="k" * 64, verdict=Verdict.WRONG):
    result = ExerciseResult(name="conv2d", score=score, max_score=6.0, verdict=verdict)
    return Report(
        assignment="a1",
        student=student,
        score=score,
        max_score=6.0,
        verdict=verdict,
        exercises=(result,),
        seed=1,
        key=key,
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_what_is_put_is_found(store):
    assert store.get("k" * 64) is None
    store.put(report())
    assert store.get("k" * 64) == report()


def test_the_latest_says_what_came_before(store):
    assert store.put(report()) is None
    before = store.put(report(score=6.0, key="j" * 64, verdict=Verdict.PASSED))
    assert (before.score, before.verdict) == (3.0, Verdict.WRONG)
    assert store.latest("a1", "ada").score == 6.0


def test_being_recorded_lasts_until_the_report_changes(store):
    store.put(report())
    store.mark_recorded("a1", "ada")
    store.put(report())
    assert store.latest("a1", "ada").recorded
    store.put(report(key="j" * 64))
    assert not store.latest("a1", "ada").recorded


def test_a_fault_is_not_kept(store):
    store.put(report(verdict=Verdict.FAULT))
    assert store.get("k" * 64) is None and store.latest("a1", "ada") is None


def test_a_torn_file_is_as_good_as_none(store, tmp_path):
    store.put(report())
    (file,) = (tmp_path / ".autograder" / "reports").rglob("*.json")
    file.write_text(file.read_text()[:-20])
    assert store.get("k" * 64) is None


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(store, tmp_path):
    store.put(report())
    (file,) = (tmp_path / ".autograder" / "reports").rglob("*.json")
    dead, living = (file.with_name(f".new-{pid}-x") for pid in (2**22 + 1, os.getpid()))
    dead.write_text("{")
    living.write_text("{")
    store.remove_unfinished()
    assert living.exists() and not dead.exists() and store.get("k" * 64) == report()


NAMES = ["../../x", "a/b", "=HYPERLINK(1)", "line\nbreak", "é" * 60, "é" * 61, "x" * 250, "x" * 251, "X" * 250]


def test_any_students_name_is_a_file_of_the_store_and_of_no_other_student(store, tmp_path):
    for number, student in enumerate(NAMES):
        store.put(report(student=student, score=float(number)))
    assert len(list((tmp_path / ".autograder" / "latest" / "a1").iterdir())) == len(NAMES)
    assert [store.latest("a1", student).score for student in NAMES] == list(range(len(NAMES)))


# --- scores -----------------------------------------------------------------------------------------------------


def results_of(*what):
    return [TestResult(name=str(i), verdict=v, points=p, gate=p == 0) for i, (v, p) in enumerate(what)]


@pytest.mark.parametrize(
    ("results", "score"),
    [
        ([("passed", 2), ("passed", 1)], 6.0),
        ([("passed", 2), ("wrong", 1)], 4.0),
        ([("wrong", 2), ("error", 1)], 0.0),
        ([("passed", 2), ("passed", 1), ("loops", 0)], 1.5),
        ([("passed", 2), ("wrong", 1), ("loops", 0)], 1.0),
        ([("passed", 2), ("passed", 1), ("passed", 0)], 6.0),
        ([], 0.0),
    ],
)
def test_a_score_is_the_share_of_points_and_a_failed_gate_keeps_its_credit(results, score):
    assert score_exercise(results_of(*results), 6.0, 0.25) == score


def test_every_verdict_has_a_place_in_the_order():
    assert {worst([v]) for v in Verdict} == set(Verdict)
    assert worst([Verdict.LOOPS, Verdict.WRONG, Verdict.PASSED]) is Verdict.WRONG
    assert worst([]) is Verdict.PASSED


def test_a_grade_that_moves_says_what_changed(store):
    parts = {"the submission": "a", "the suite test_conv2d.py": "b", "the suite test_im2col.py": "c"}
    store.put(report(), parts)
    before = store.latest("a1", "ada")
    again = report(score=6.0, key="j" * 64, verdict=Verdict.PASSED)

    def why(now, then=before):
        return Graded(again, False, then, now).why

    assert why({**parts, "the suite test_conv2d.py": "z"}) == "the suite test_conv2d.py"
    assert why({"the submission": "x"}) == ("the submission and the suite test_conv2d.py and the suite test_im2col.py")
    assert why(parts) == why(parts, None) == ""
