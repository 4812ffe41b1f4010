"""The sample class gets the grades that its recipes state: by our command, by stock nbgrader, and in the export.

One course is graded with ``autograder grade`` and another, with the same secret, by ``nbgrader autograde``.
"""

import csv
import json
import shutil
from datetime import UTC, datetime

import pytest
from nbgrader.api import Gradebook, MissingEntry

from autograder.authoring import sample_class
from autograder.course.assignment import load_assignment
from autograder.course.report import Report
from autograder.course.submission import list_submissions
from autograder.course.verdict import Verdict
from autograder.grading.store import Store
from autograder.nbgrader.config import gradebook_url
from tests.conftest import A1, ROOT, command, copy_course


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A course whose sample class was graded by ``autograder grade``; and what that printed."""
    root = copy_course(tmp_path_factory.mktemp("ours") / "course")
    made = command("autograder", "sample", A1, cwd=root)
    assert made.returncode == 0, made.stderr
    done = command("autograder", "grade", A1, cwd=root)
    assert done.returncode == 0, done.stderr
    return root, done


def graded_by_nbgrader(ours, folder, students):
    """Some of the same class in another course, graded by plain ``nbgrader autograde``."""
    root = copy_course(folder / "course")
    (root / ".autograder").mkdir()
    shutil.copy(ours[0] / ".autograder" / "secret", root / ".autograder" / "secret")
    assert command("autograder", "sample", A1, cwd=root).returncode == 0
    for other in (root / "submitted").iterdir():
        if other.name not in students:
            shutil.rmtree(other)
    done = command("nbgrader", "autograde", A1, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    return root


@pytest.fixture(scope="module")
def recipes(a1):
    return {recipe.student: recipe for recipe in sample_class.recipes(a1)}


def grades(root):
    """Each student's raw score, late penalty and per-cell automatic scores in a course's gradebook."""
    found = {}
    with Gradebook(gradebook_url(root)) as gradebook:
        for student in gradebook.students:
            try:
                submission = gradebook.find_submission(A1, student.id)
            except MissingEntry:
                found[student.id] = None
                continue
            cells = {
                g.name: g.auto_score for n in submission.notebooks for g in n.grades if g.name.startswith("check-")
            }
            found[student.id] = (submission.score, submission.late_submission_penalty or 0.0, cells)
    return found


def test_the_class_is_worth_grading(recipes):
    assert len(recipes) >= 14
    verdicts = {verdict for recipe in recipes.values() for verdict in recipe.verdicts.values()}
    assert {"wrong", "error", "timeout", "loops", "missing"} <= verdicts
    assert any(recipe.absent for recipe in recipes.values())


def test_our_reports_are_as_the_recipes_state(ours, recipes):
    root, _ = ours
    assignment = load_assignment(root, A1)
    done = command("autograder", "grade", A1, "--no-gradebook", "--json", cwd=root)
    reports = [Report.model_validate_json(line) for line in done.stdout.splitlines()]
    assert {report.student for report in reports} == {r.student for r in recipes.values() if not r.absent}
    assert [d for report in reports for d in recipes[report.student].differences(report, assignment)] == []


def test_the_gradebook_holds_those_grades(ours, recipes, a1):
    found = grades(ours[0])
    for name, recipe in recipes.items():
        if recipe.absent:
            assert found[name] is None
            continue
        wanted = {f"check-{e}": recipe.score_of(e, a1) for e in a1.exercises}
        score, penalty, cells = found[name]
        assert cells == pytest.approx(wanted, abs=0.011), name
        share = a1.manifest.share_lost(recipe.late.total_seconds())
        assert penalty == pytest.approx(round(score * share, 2), abs=0.011), name


def differing(ours, root):
    """The students who handed something in there and have another grade here."""
    before, after = grades(ours[0]), grades(root)
    handed_in = {folder.name for folder in (root / "submitted").iterdir()}
    assert handed_in and all(after[student] is not None for student in handed_in)
    return {student for student in handed_in if after[student] != before[student]}


def test_stock_nbgrader_gives_the_same_grades(ours, recipes, a1, tmp_path):
    """To one submission of each kind: nbgrader grades one after another, each in a jail of its own."""
    there = [recipe for recipe in recipes.values() if not recipe.absent]
    kinds = {recipe.verdict_of(name): recipe.student for recipe in there for name in a1.exercises}
    late = {a1.manifest.share_lost(recipe.late.total_seconds()): recipe.student for recipe in there}
    root = graded_by_nbgrader(ours, tmp_path, {*kinds.values(), *late.values()})
    assert len(kinds) >= 5 and differing(ours, root) == set()


@pytest.mark.proof
def test_stock_nbgrader_gives_the_whole_class_the_same_grades(ours, recipes, tmp_path):
    root = graded_by_nbgrader(ours, tmp_path, recipes)
    assert differing(ours, root) == set()


def test_late_work_loses_what_the_steps_say(ours, recipes):
    found = grades(ours[0])
    shares = {
        round(found[name][1] / found[name][0], 2)
        for name, recipe in recipes.items()
        if not recipe.absent and recipe.late.total_seconds() > 0 and found[name][0]
    }
    assert shares == {0.15, 0.30, 1.0}


def test_the_export_agrees_with_the_gradebook(ours):
    root, _ = ours
    assert command("nbgrader", "export", "--to", "by-nbgrader.csv", cwd=root).returncode == 0
    assert (root / "by-nbgrader.csv").read_text() == (root / "grades.csv").read_text()
    with (root / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    found = grades(root)
    assert set(rows) == set(found)
    for name, row in rows.items():
        score, penalty, _ = found[name] or (0.0, 0.0, {})
        assert float(row["score"]) == pytest.approx(max(0.0, score - penalty), abs=0.011)


def test_every_student_who_handed_in_gets_a_feedback_page(ours, recipes):
    root, _ = ours
    for name, recipe in recipes.items():
        page = root / "feedback" / name / A1 / "report.html"
        assert page.exists() != recipe.absent, name
        if not recipe.absent:
            assert name in page.read_text()
            assert (root / "feedback" / name / A1 / f"{A1}.html").exists(), name


def test_a_second_run_grades_nothing_and_changes_no_grade(ours):
    root, _ = ours
    before = grades(root)
    count = len(list_submissions(root / "submitted", A1))
    done = command("autograder", "grade", A1, cwd=root)
    assert f"{count} submissions, 0 graded now, {count} from the store" in done.stderr
    assert grades(root) == before


def test_points_given_by_hand_are_late_too(ours, recipes, a1):
    root, _ = ours
    name = next(r.student for r in recipes.values() if a1.manifest.share_lost(r.late.total_seconds()) == 0.15)
    before = grades(root)[name]
    with Gradebook(gradebook_url(root)) as gradebook:
        (written,) = a1.written
        grade = gradebook.find_grade(written, A1, A1, name)
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()
    assert command("autograder", "export", cwd=root).returncode == 0
    score, penalty, _ = grades(root)[name]
    assert score == before[0] + 2.0 and penalty == pytest.approx(round(score * 0.15, 2))
    with Gradebook(gradebook_url(root)) as gradebook:
        grade = gradebook.find_grade(written, A1, A1, name)
        grade.manual_score, grade.needs_manual_grade = None, True
        gradebook.db.commit()
    command("autograder", "export", cwd=root)


def test_a_changed_submission_moves_its_grade_and_is_named(ours, recipes, a1):
    root, _ = ours
    good = next(r for r in recipes.values() if not r.verdicts and not r.absent and not r.verdict and not r.edit)
    file = root / "submitted" / good.student / A1 / f"{A1}.ipynb"
    kept = file.read_bytes()
    file.write_bytes((ROOT / "assignments" / A1 / f"{A1}.ipynb").read_bytes())
    try:
        done = command("autograder", "grade", A1, "--student", good.student, cwd=root)
        moved = next(line for line in done.stderr.splitlines() if line.startswith("moved:"))
        assert good.student in moved and moved.endswith(": the submission changed")
        assert grades(root)[good.student][0] == 0
    finally:
        file.write_bytes(kept)
        command("autograder", "grade", A1, "--student", good.student, cwd=root)
    assert grades(root)[good.student][0] == sum(e.points for e in a1.exercises.values())


def test_a_folder_without_a_notebook_is_a_zero_that_stops_nobody(ours):
    root, _ = ours
    folder = root / "submitted" / "empty-handed" / A1
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("I tried")
    done = command("autograder", "grade", A1, "--student", "empty-handed", cwd=root)
    assert done.returncode == 1 and "1 needs a look" in done.stderr, done.stderr  # a text that may be the work
    assert grades(root)["empty-handed"][0] == 0
    shutil.rmtree(folder.parent)


def test_a_grade_can_be_replayed_from_its_seed(ours, recipes):
    root, _ = ours
    wrong = next(r.student for r in recipes.values() if "wrong" in r.verdicts.values())
    done = command("autograder", "replay", wrong, A1, cwd=root)
    assert done.returncode == 0 and "the same in every test" in done.stderr, done.stderr


def test_a_report_that_no_longer_holds_is_named(ours, recipes):
    root, _ = ours
    good = next(r.student for r in recipes.values() if not r.verdicts and not r.absent and not r.verdict)
    latest = Store(root).latest(A1, good)
    stored = Store(root).get(latest.key)
    forged = stored.model_copy(update={"score": 1000.0})
    Store(root).put(forged)
    try:
        done = command("autograder", "replay", good, A1, cwd=root)
        assert done.returncode == 1 and "1000 points does not hold" in done.stderr
    finally:
        Store(root).put(stored)


def test_reports_say_what_happened_and_when(ours):
    root, _ = ours
    done = command("autograder", "grade", A1, "--no-gradebook", "--json", cwd=root)
    for line in done.stdout.splitlines():
        tree = json.loads(line)
        assert {"student", "score", "max_score", "exercises", "seed", "durations"} <= set(tree)
        for exercise in tree["exercises"]:
            assert {"score", "max_score", "verdict", "tests"} <= set(exercise)
            assert Verdict(exercise["verdict"])
            for test in exercise["tests"]:
                assert {"name", "verdict", "message", "detail", "duration"} <= set(test)


def test_the_due_date_in_the_gradebook_is_the_manifests(ours, a1):
    with Gradebook(gradebook_url(ours[0])) as gradebook:
        due = gradebook.find_assignment(A1).duedate
    assert due.replace(tzinfo=UTC) == a1.manifest.due.astimezone(UTC) and isinstance(due, datetime)
