"""Reports on disk: whole or absent, found again by what decided them, and never counted twice."""

import os

import pytest

from autograder.course import files
from autograder.course.errors import AssignmentError
from autograder.course.report import ExerciseResult, Report, TestResult, score_exercise
from autograder.course.verdict import Verdict, worst
from autograder.grading import keys
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
    folder = tmp_path / "feedback" / f".new-{2**22 + 1}-y"
    folder.mkdir(parents=True)
    dead.write_text("{")
    living.write_text("{")
    files.remove_unfinished(tmp_path)
    assert living.exists() and not dead.exists() and not folder.exists() and store.get("k" * 64) == report()


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_stays_as_it_was_when_its_writer_stumbles(tmp_path):
    path = tmp_path / "file"
    files.write_whole(path, "before")
    with pytest.raises(ZeroDivisionError), files.whole(path) as new:
        new.write_text("aft")
        raise ZeroDivisionError
    assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_not_to_be_replaced_is_kept(tmp_path):
    files.write_whole(tmp_path / "file", "first", replace=False)
    files.write_whole(tmp_path / "file", "second", replace=False)
    assert (tmp_path / "file").read_text() == "first" and len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as error:
        files.write_whole(tmp_path / "folder", "content")
    assert error.value.filename == str(tmp_path / "folder")


def test_the_files_of_one_folder_become_those_of_another(tmp_path):
    source, target = tmp_path / "new", tmp_path / "there"
    for path in (source / "a", source / "sub" / "b", target / "a", target / "old" / "c"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path.relative_to(tmp_path)))
    files.move_files(source, target)
    found = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"there/a": "new/a", "there/sub/b": "new/sub/b"} and not (target / "old").exists()


def test_a_secret_is_made_once_and_one_that_was_cut_short_is_refused(tmp_path):
    secret = keys.course_secret(tmp_path)
    assert len(secret) == 32 and keys.course_secret(tmp_path) == secret
    path = tmp_path / ".autograder" / "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(secret[:31])
    with pytest.raises(AssignmentError, match="31 bytes of the 32"):
        keys.course_secret(tmp_path)
    assert path.read_bytes() == secret[:31]


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
