"""The benchmark of grading measures what it says: all ways give the same grades, and a way that does not ends it.

No test here looks at how long anything takes.
"""

import json

import pytest

from autograder.authoring import sample_class
from benchmarks import grading, table
from benchmarks.course import DifferentGrades, require_same, well_behaved
from benchmarks.grading import RATIOS, TITLES, Plan
from benchmarks.pasted import scoring_cell

pytestmark = pytest.mark.proof  # all ways, plain nbgrader and Otter among them, take minutes

# One who loops, one who is partly right, and one who calls what is forbidden: their grades differ where ways might.
STUDENTS = ("hana", "lena", "nadia")


@pytest.fixture(scope="module")
def results(a1):
    plan = Plan(submissions=3, rounds=1, stock=1, otter=0, linearity=(), memory=3, checks=1, dissected=2)
    recipes = [recipe for recipe in sample_class.recipes(a1) if recipe.student in STUDENTS]
    return grading.measure(plan, recipes)


def test_every_way_grades_the_same_submissions_and_agrees(results):
    # `measure` raises when a way disagrees with the grades that the recipes state.
    graded = {way: found["submissions"] for way, found in results["ways"].items()}
    assert graded == {"floor": 3, "alone": 1, "reports": 3, "everything": 3, "again": 3, "stock": 1}


def test_every_ratio_of_measured_ways_is_taken(results):
    assert set(results["ratios"]) == {ratio for ratio in RATIOS if "otter" not in ratio}
    assert results["notes"][0].startswith("Otter is not installed")


def test_the_parts_of_the_anatomy_add_up_to_the_whole(results):
    parts = results["anatomy"]["parts"]
    for whole in (part for part in parts if not part["of"]):
        inside = sum(part["seconds"] for part in parts if part["of"] == whole["name"])
        assert inside == pytest.approx(whole["seconds"])
    assert results["anatomy"]["calls"] > 100


def test_the_memory_of_main_process_workers_and_jails_is_seen(results):
    assert set(results["memory"]["peak"]) == {"main process", "worker", "jail", "recorder"}


def test_what_is_written_can_be_read_back_and_the_table_holds_every_way(results, tmp_path):
    grading.write(results, tmp_path)
    assert json.loads((tmp_path / "grading.json").read_text()) == json.loads(json.dumps(results))
    page = (tmp_path / "grading.md").read_text()
    assert page == table.markdown(results)
    for way in results["ways"]:
        assert TITLES[way] in page
    for exercise in results["check"]:
        assert f'check("{exercise}")' in page


def test_a_way_that_gives_another_grade_ends_the_run():
    due = {"ada": {"conv2d": 6.0}, "bela": {"conv2d": 3.0}}
    require_same("a way", {"ada": {"conv2d": 6.0}}, due)
    for got in ({"ada": {"conv2d": 5.98}}, {"bela": {}}, {}):
        with pytest.raises(DifferentGrades, match="a way gives other grades"):
            require_same("a way", got, due)


def test_the_class_holds_right_and_wrong_solutions_and_nothing_that_ends_its_process(a1):
    students = {recipe.student for recipe in well_behaved(a1)}
    assert {"ada", "hana", "kofi", "nadia"} <= students
    assert not students & {"petra", "rosa", "sven", "tara", "vera", "xenia", "felix", "greta"}


def test_a_pasted_suite_gives_the_reference_all_points_and_the_stub_none(a1, reference):
    setup = next(cell.source for cell in a1.notebook.cells if cell.metadata["nbgrader"]["grade_id"] == "setup")
    cell, call = scoring_cell(a1, "output_size").rsplit("\n", 1)
    for source, points in ((reference["output_size"], 2.0), ("", 0.0)):
        notebook = {}
        exec(f"{setup}\n{source}\n{cell}", notebook)
        assert eval(call, notebook) == points
