"""An instructor's hour: a graded class in nbgrader's formgrader, opened from JupyterLab in a real browser."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from autograder.authoring import sample_class
from autograder.authoring.sample_class import Recipe
from autograder.course.assignment import Assignment, load_assignment
from tests.conftest import A1, command, copy_course
from tests.lab import Server, choose, jupyter_lab, open_page

pytestmark = pytest.mark.browser

CONFIG = "--config=nbgrader_config.py"  # as `make lab` starts it
ANSWER = "One kernel for all positions: 456 numbers to learn. It says that a pattern means the same wherever it is."


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, reference: dict[str, str]) -> Path:
    """A course with five submissions, which wait to be graded."""
    course = copy_course(tmp_path_factory.mktemp("formgrader") / "course")
    assignment = load_assignment(course, A1)
    flipped = reference["conv2d"].replace("windows, w)", "windows, w.flip(-1, -2))")
    assert flipped != reference["conv2d"]
    for recipe in (
        Recipe("ada", "right, and answers the written question", cells={"why_share_weights": ANSWER}),
        Recipe("ben", "flips the kernel", cells={"conv2d": flipped}),
        Recipe("cleo", "right, but late", late=timedelta(hours=5)),
        Recipe("dora", "flips the kernel too", cells={"conv2d": flipped}),
        Recipe("eve", "right, and graded by no command"),
    ):
        hand_in(recipe, assignment, course / "submitted")
    return course


def hand_in(recipe: Recipe, assignment: Assignment, submitted: Path) -> None:
    folder = submitted / recipe.student / assignment.name
    folder.mkdir(parents=True)
    (folder / f"{assignment.name}.ipynb").write_bytes(sample_class.notebook_bytes(recipe, assignment))
    at = assignment.manifest.due + recipe.late
    (folder / "timestamp.txt").write_text(at.strftime("%Y-%m-%d %H:%M:%S %Z\n"))


@pytest.fixture(scope="module")
def reports(course: Path) -> dict[str, dict[str, Any]]:
    """What `autograder grade` reports of ada, ben and cleo; dora is then graded by `nbgrader autograde`."""
    chosen = [f"--student={student}" for student in ("ada", "ben", "cleo")]
    graded = command("autograder", "grade", A1, *chosen, "--json", cwd=course, check=True)
    command("nbgrader", "autograde", A1, "--student=dora", cwd=course, check=True)
    return {report["student"]: report for report in map(json.loads, graded.stdout.splitlines())}


@pytest.fixture(scope="module")
def server(course: Path, reports: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyter_lab(course, tmp_path_factory.mktemp("private"), CONFIG) as server:
        yield server


@pytest.fixture(scope="module")
def page(server: Server, browser: Any) -> Iterator[Page]:
    with open_page(browser, server) as page:
        yield page


def submissions(page: Page, server: Server) -> dict[str, list[str]]:
    """Formgrader's list of submissions: a student's timestamp, status and score."""
    page.goto(server.at(f"formgrader/manage_submissions/{A1}"))
    expect(page.locator("#main-table")).not_to_contain_text("Loading")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#main-table tr").all()]
    return {row[1]: row[2:5] for row in rows}


def overall(page: Page, server: Server) -> dict[str, list[str]]:
    """Formgrader's list for manual grading: a student's overall, code and written score."""
    show_names(page, server)
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#main-table tr").all()]
    return {row[1].strip(): row[2:5] for row in rows}


def show_names(page: Page, server: Server) -> None:
    page.goto(server.at(f"formgrader/gradebook/{A1}/{A1}"))
    expect(page.locator("#main-table")).not_to_contain_text("Loading")
    page.get_by_role("button", name="Show All Names").click()


def open_submission(page: Page, server: Server, student: str) -> None:
    """Choose ``student`` in the list for manual grading, and wait until the page has fetched the scores."""
    show_names(page, server)
    page.get_by_role("link", name=student, exact=True).click()
    expect(page.locator("#check-output_size")).to_have_attribute("placeholder", re.compile(r"\d"))


def give(page: Page, exercise: str, points: str) -> None:
    """Type ``points`` into the box of ``exercise``, and wait until they are saved."""
    box = page.locator(f"#{exercise}")
    box.fill(points)
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/grade/" in answer.url) as saved:
        box.press("Tab")
    assert saved.value.ok


def test_the_menu_of_jupyterlab_opens_formgrader(page: Page, server: Server) -> None:
    page.goto(server.at("lab"))
    choose(page, "Nbgrader", "Formgrader")
    rows = page.frame_locator("iframe").locator("#main-table tr")
    expect(rows).to_contain_text([A1])


def test_formgrader_lists_the_assignment_with_its_due_date_and_submissions(
    page: Page, server: Server, a1: Assignment
) -> None:
    page.goto(server.at("formgrader/manage_assignments"))
    row = page.locator("#main-table tr", has_text=A1)
    expect(row.locator(".duedate")).to_contain_text(a1.manifest.due.strftime("%Y-%m-%d %H:%M:%S"))
    expect(row.locator(".num-submissions")).to_have_text("5")


@pytest.mark.parametrize("student", ["ada", "ben"])
def test_formgrader_shows_the_reported_score(
    page: Page, server: Server, reports: dict[str, dict[str, Any]], student: str
) -> None:
    _, code, _ = overall(page, server)[student]
    assert code == f"{reports[student]['score']:g} / {reports[student]['max_score']:g}"


def test_plain_nbgrader_autograde_gives_the_same_score(page: Page, server: Server) -> None:
    scores = overall(page, server)
    assert scores["dora"] == scores["ben"]


def test_formgrader_shows_late_work_before_the_penalty_that_the_export_takes_off(
    page: Page, server: Server, course: Path, reports: dict[str, dict[str, Any]]
) -> None:
    _, _, score = submissions(page, server)["cleo"]
    assert score == f"{reports['cleo']['score']:g} / 30"
    assert exported(course)["cleo"] == pytest.approx(0.85 * reports["cleo"]["score"])


def exported(course: Path) -> dict[str, float]:
    """The final scores that `nbgrader export` writes."""
    command("nbgrader", "export", "--to=exported.csv", cwd=course, check=True)
    with (course / "exported.csv").open() as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("student", ["ben", "dora"])
def test_a_graded_cell_shows_its_result_below_the_box_with_its_points(
    page: Page, server: Server, a1: Assignment, reports: dict[str, dict[str, Any]], student: str
) -> None:
    open_submission(page, server, student)
    result = next(each for each in reports["ben"]["exercises"] if each["name"] == "conv2d")
    cell = page.locator(".cell", has=page.locator("#check-conv2d"))
    expect(cell.locator("#check-conv2d")).to_have_attribute("placeholder", f"{result['score']:g}")
    shown = cell.locator(".output_html")
    expect(shown).to_contain_text(f"{a1.exercises['conv2d'].title} {result['score']:g} of {result['max_score']:g}")
    for test in result["tests"]:
        if test["verdict"] == "wrong":
            expect(shown).to_contain_text(test["message"].replace("`", ""))


def test_a_written_answer_stands_above_what_it_should_say(page: Page, server: Server) -> None:
    open_submission(page, server, "ada")
    answer = page.get_by_text(ANSWER[:40])
    rubric = page.get_by_text("For the person who grades; students do not see this.")
    expect(rubric).to_be_visible()
    assert answer.bounding_box()["y"] < rubric.bounding_box()["y"]


def test_what_an_answer_should_say_is_on_no_page_of_a_students(course: Path, page: Page) -> None:
    assert "For the person who grades" in (course / "autograded" / "ada" / A1 / f"{A1}.ipynb").read_text()
    command("nbgrader", "generate_feedback", A1, "--student=ada", cwd=course, check=True)
    pages = list((course / "feedback" / "ada" / A1).glob("*.html"))
    assert len(pages) == 2
    for shown in pages:
        assert ANSWER[:40] in shown.read_text() or shown.name == "report.html"
        assert "For the person who grades" not in shown.read_text()


def test_points_given_by_hand_are_added_to_the_total(page: Page, server: Server) -> None:
    open_submission(page, server, "ada")
    give(page, "why_share_weights", "2.5")
    assert overall(page, server)["ada"] == ["29.5 / 30", "27 / 27", "2.5 / 3"]


def test_points_given_by_hand_are_exported(page: Page, server: Server, course: Path) -> None:
    open_submission(page, server, "ada")
    give(page, "why_share_weights", "1.5")
    assert exported(course)["ada"] == 28.5


def test_formgraders_own_button_grades_in_the_jail(page: Page, server: Server) -> None:
    assert submissions(page, server)["eve"][1] == "needs autograding"
    page.locator("#main-table tr", has_text="eve").locator(".autograde a").click()
    expect(page.locator(".modal-body")).to_contain_text("Successfully autograded")
    assert submissions(page, server)["eve"][1:] == ["graded", "27 / 30"]


def test_formgrader_opens_in_a_course_that_has_no_gradebook_yet(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nbgrader makes a gradebook with the command `alembic`, which only an activated environment has on its path.
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    course = copy_course(tmp_path / "course")
    with jupyter_lab(course, tmp_path / "private", CONFIG) as server, open_page(browser, server) as page:
        page.goto(server.at("formgrader/manage_assignments"))
        expect(page.locator("#main-table tr", has_text=A1).locator(".num-submissions")).to_have_text("0")
