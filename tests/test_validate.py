"""`autograder validate` proves an assignment, and each of its checks can fail."""

import dataclasses
import json
import shutil

import nbformat
import pytest

from autograder.authoring import student_run, tested, validate
from autograder.authoring.survivors import Tally
from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.grading.executor import Executor
from autograder.grading.retries import grade_here
from autograder.nbgrader.release import release
from tests.author_guide import NAME, write_assignment
from tests.conftest import ROOT, command, empty_course

# Suites are imported here in pytest's own process, which knows nothing of their marks.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")


def test_every_assignment_of_the_course_holds():
    done = command("autograder", "validate", "--json", cwd=ROOT)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and [c for a in found for c in a["checks"] if not c["holds"]] == []
    assert done.returncode == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A course with one small assignment, which holds."""
    root = empty_course(tmp_path_factory.mktemp("validate") / "course")
    write_assignment(root)
    release(load_assignment(root, NAME))
    command("autograder", "hints", NAME, cwd=root, check=True)
    return root


@pytest.fixture
def root(whole, tmp_path):
    """A copy of it to break."""
    return shutil.copytree(whole, tmp_path / "course")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit_cell(root, grade_id, change, folder="solutions"):
    """Let ``change`` edit one cell of the notebook, in which ``replace`` on the source can be written as a pair."""
    path = root / folder / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.metadata.nbgrader.get("grade_id") == grade_id)
    if isinstance(change, tuple):
        assert change[0] in cell.source
        cell.source = cell.source.replace(*change)
    else:
        change(cell)
    nbformat.write(notebook, path)


def found_by_reading(root):
    """The problems of the first checks that do not hold. Stops before any submission is graded."""
    assignment = load_assignment(root, NAME)
    for stage in (validate.static_checks, validate.release_checks, validate.import_checks):
        if found := [problem for problems in stage(assignment).values() for problem in problems]:
            return found
    return []


def test_the_small_assignment_as_it_stands_holds(root):
    assert found_by_reading(root) == []


# --- parts that agree ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("points = 4", "points = 5", "scale: the notebook gives 4 points, the manifest 5"),
        ("points = 2", "points = 3", "why: the notebook gives 2 points, the manifest 3"),
        ("[exercise.scale]", "[exercise.zoom]", "zoom: there is no solution cell with grade_id zoom"),
        ("[exercise.scale]", "[exercise.zoom]", "the cell scale is graded or a solution, and the manifest has no such"),
        ("[exercise.scale]", "[exercise.zoom]", "zoom: solutions/b1/hidden/test_zoom.py does not exist"),
        ("[exercise.scale]", "[exercise.zoom]", "hidden/test_scale.py is a suite of no exercise"),
        ("[exercise.why]", "[exercise.what]", "what: there is no manually graded cell with grade_id what"),
    ],
)
def test_a_manifest_that_says_other_than_the_notebook_is_found(root, old, new, sentence):
    edit(root / "solutions" / NAME / "assignment.toml", old, new)
    assert [problem for problem in found_by_reading(root) if sentence in problem]


@pytest.mark.parametrize(
    ("grade_id", "change", "sentence"),
    [
        ("check-scale", ('("scale")', '("scala")'), 'the cell check-scale should say check("scale") and nothing else'),
        ("check-scale", lambda c: c.metadata.nbgrader.pop("points"), "the notebook gives no points, the manifest 4"),
        ("check-scale", lambda c: c.metadata.nbgrader.update(locked=False), "no locked graded cell with grade_id"),
        ("setup", lambda c: c.metadata.nbgrader.pop("locked"), "cell 1 (setup): its nbgrader metadata should have"),
        ("setup", lambda c: c.metadata.nbgrader.pop("grade_id"), "cell 1: its nbgrader metadata lacks a grade_id"),
        ("setup", lambda c: c.metadata.nbgrader.update(grade_id="scale"), "the grade_id scale is used twice"),
        ("scale", ("    ### END SOLUTION", ""), "cell 3 (scale): ### BEGIN SOLUTION and ### END SOLUTION"),
        ("scale", ("    ###", "    #"), "scale: its solution should stand between ### BEGIN SOLUTION and ### END"),
        ("about-scale", ("", "### BEGIN SOLUTION\n### END SOLUTION\n"), "(about-scale): it holds a solution, and"),
    ],
)  # fmt: skip
def test_a_cell_that_nbgrader_or_a_student_could_not_use_is_found(root, grade_id, change, sentence):
    edit_cell(root, grade_id, change)
    assert [problem for problem in found_by_reading(root) if sentence in problem]


@pytest.mark.parametrize("folder", ["tests", "hidden"])
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("def test_no_loop", "def test no_loop", "is not Python: expected '('"),
        ("@pytest.mark.gate\n", "", "the manifest says loop_free, and solutions/b1/{folder}/test_scale.py has no gate"),
        ("def test_", "def no_test_", "solutions/b1/{folder}/test_scale.py holds no test"),
        ('    "The work should', '    _ = "The work should', "has no docstring, which is what a student reads"),
        ("import pytest\n", "import pytest\nimport nothing\n", "line {line}, cannot be imported: ModuleNotFoundError"),
        ("normal\n", "normal, abnormal\n", "cannot be imported: ImportError: cannot import name 'abnormal'"),
    ],
)
def test_a_suite_that_cannot_be_used_is_found(root, folder, old, new, sentence):
    path = root / "solutions" / NAME / folder / "test_scale.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    line = 1 + path.read_text().splitlines().index("import nothing") if "import nothing" in new else 0
    if "import" in sentence:
        release(load_assignment(root, NAME))
    wanted = sentence.format(folder=folder, line=line)
    found = found_by_reading(root)
    assert [problem for problem in found if wanted in problem and f"{folder}/test_scale.py" in problem], found
    assert all("\n" not in problem for problem in found)


def test_a_syntax_error_is_named_with_its_line(root):
    path = root / "solutions" / NAME / "hidden" / "test_scale.py"
    path.write_text('"""A suite."""\n\ndef test_it(student:\n    "It."\n')
    assert found_by_reading(root) == [
        "scale: solutions/b1/hidden/test_scale.py, line 3, is not Python: '(' was never closed"
    ]


def test_a_missing_suite_is_found(root):
    (root / "solutions" / NAME / "hidden" / "test_scale.py").unlink()
    assert found_by_reading(root) == ["scale: solutions/b1/hidden/test_scale.py does not exist"]


# --- variants -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["correct", "wrong"])
def test_an_exercise_without_variants_is_found(root, kind):
    shutil.rmtree(root / "solutions" / NAME / "variants" / kind)
    (problem,) = found_by_reading(root)
    assert f"scale has no {kind} variant; write one in solutions/b1/variants/{kind}/, a file that says" in problem


@pytest.mark.parametrize(
    ("path", "old", "new", "sentence"),
    [
        ("wrong/in_place.py", "def scale(x, k):", "def scale(x, k:", "wrong/in_place.py, line 6, is not Python"),
        ("wrong/in_place.py", '{"scale"', '{"scala"', "FAILS names 'scala', and the exercises are scale"),
        ("wrong/in_place.py", '"wrong"', '"false"', "FAILS says 'false', and a variant can fail as tampered, memory"),
        ("wrong/in_place.py", '"wrong"', '"passed"', "FAILS says 'passed', and a variant can fail as"),
        ("wrong/in_place.py", '{"scale": "wrong"}', "{}", "should say FAILS = {"),
        ("wrong/in_place.py", "FAILS", "FAILING", "should say FAILS = {"),
        ("wrong/in_place.py", '{"scale": "wrong"}', "dict(scale=wrong)", "should say FAILS = {"),
        ("correct/out_of_place.py", '("scale",)', "()", "should say SOLVES = ("),
        ("correct/out_of_place.py", '("scale",)', '("scale")', "should say SOLVES = ("),
        ("correct/out_of_place.py", '"scale",', '"scale", "why"', "SOLVES names 'why', and the exercises are scale"),
    ],
)
def test_a_variant_that_cannot_be_used_is_found(root, path, old, new, sentence):
    edit(root / "solutions" / NAME / "variants" / path, old, new)
    (problem,) = found_by_reading(root)
    assert problem.startswith(f"solutions/b1/variants/{path}") and sentence in problem


# --- what students get --------------------------------------------------------------------------------------------


def test_a_stale_release_is_found(root):
    edit(root / "solutions" / NAME / "tests" / "test_scale.py", '"""', '"""Now ')
    (root / "assignments" / NAME / "extra.txt").write_text("x")
    assert found_by_reading(root) == [
        "assignments/b1/tests/test_scale.py is stale; run `autograder release b1`",
        "assignments/b1/extra.txt does not come from solutions/; remove it",
    ]


def test_a_release_that_was_not_made_is_found(root):
    shutil.rmtree(root / "assignments" / NAME)
    assert "assignments/b1/b1.ipynb is missing; run `autograder release b1`" in found_by_reading(root)


def test_a_solution_in_what_students_get_is_found(root):
    shutil.copy(
        root / "solutions" / NAME / "hidden" / "test_scale.py", root / "assignments" / NAME / "tests" / "more.py"
    )
    assert any("assignments/b1/tests/more.py holds this line of a hidden suite" in p for p in found_by_reading(root))
    shutil.copy(root / "solutions" / NAME / f"{NAME}.ipynb", root / "assignments" / NAME)
    assert any("assignments/b1/b1.ipynb holds nbgrader's solution markers" in p for p in found_by_reading(root))


# --- what is graded -----------------------------------------------------------------------------------------------


class Here(Executor):
    """Grades in this process, whose sandboxes other tests have started."""

    def run_tasks(self, assignment, tasks, finish, before_grading=lambda: None):
        for task in tasks:
            finish(task, grade_here(assignment, task))


@pytest.fixture
def graded(root, supervisor, monkeypatch):
    """Validates with the released notebook left out, which has tests of its own below."""
    monkeypatch.setattr(student_run, "problems", lambda assignment: ())

    def run(draws=1):
        release(load_assignment(root, NAME))
        found = validate.validate(load_assignment(root, NAME), Here(), draws=draws)
        return found, {check.title: check.problems for check in found.checks if not check.holds}

    return run


def test_a_right_assignment_holds_under_many_draws(graded):
    found, problems = graded(draws=3)
    assert problems == {} and found.holds
    assert found.scores["reference solution"] == {"scale": (validate.Score("passed", 4.0, 3),)}
    assert found.scores["wrong/in_place.py"] == {"scale": (validate.Score("wrong", 3.0, 3),)}


def test_what_holds_is_recorded_until_its_files_change(root, graded):
    found, _ = graded(draws=2)
    assignment = load_assignment(root, NAME)
    assert list(tested.rows(assignment)) == []
    tested.record(assignment, found, 2)
    (row,) = tested.rows(assignment)
    assert (row.exercise, row.tests, row.right, row.draws, row.current) == ("scale", 4, 1, 2, True)
    assert row.wrong == len(list((root / "solutions" / NAME / "variants" / "wrong").glob("*.py")))
    assert row.made is None and row.reasons == {}
    edit(root / "solutions" / NAME / "hidden" / "test_scale.py", '"""', '"""Another. ')
    assert [row.current for row in tested.rows(load_assignment(root, NAME))] == [False]


def test_a_record_of_the_same_files_keeps_what_it_was_not_asked_to_try_again(root, graded):
    found, _ = graded(draws=2)
    assignment = load_assignment(root, NAME)
    mutants = {"scale": Tally(made=5, killed=3, equivalent={"a": "the same", "b": "the same"})}
    tested.record(assignment, dataclasses.replace(found, mutants=mutants), 1)
    tested.record(assignment, found, 2)
    tested.record(assignment, found, 1)
    (row,) = tested.rows(assignment)
    assert (row.draws, row.made, row.killed, row.reasons, row.current) == (2, 5, 3, {"the same": 2}, True)
    edit(root / "solutions" / NAME / "hidden" / "test_scale.py", '"""', '"""Another. ')
    changed = load_assignment(root, NAME)
    tested.record(changed, found, 1)
    (row,) = tested.rows(changed)
    assert (row.draws, row.made, row.current) == (1, None, True)


def test_a_change_of_one_exercise_leaves_what_is_known_of_the_others(tmp_path):
    root = empty_course(tmp_path / "course")
    shutil.copytree(ROOT / "solutions" / "a3-upsampling", root / "solutions" / "a3-upsampling")
    (root / "solutions" / "a3-upsampling" / tested.FILE).unlink(missing_ok=True)
    assignment = load_assignment(root, "a3-upsampling")
    everything = validate.Validation((), {}, {}, tuple(assignment.exercises))
    tested.record(assignment, everything, 30)
    hidden = assignment.source / "hidden" / "test_bed_of_nails.py"
    hidden.write_text(hidden.read_text() + "\n# Another line.\n")

    def known():
        return {row.exercise: (row.current, row.draws) for row in tested.rows(load_assignment(root, "a3-upsampling"))}

    others = {name: (True, 30) for name in assignment.exercises if name != "bed_of_nails"}
    assert known() == {**others, "bed_of_nails": (False, 30)}
    tested.record(assignment, dataclasses.replace(everything, exercises=("bed_of_nails",)), 2)
    assert known() == {**others, "bed_of_nails": (True, 2)}
    variant = assignment.source / "variants" / "equivalent.toml"
    variant.write_text(variant.read_text().replace("exercise = 'bilinear_kernel'", "exercise = 'gone'"))
    assert [name for name, (current, _) in known().items() if not current] == ["bilinear_kernel"]


def test_one_exercise_is_validated_alone():
    assignment = load_assignment(ROOT, "a3-upsampling")
    found = validate.validate(assignment, exercises=["bed_of_nails"], mutants=True)
    assert [(check.title, check.problems) for check in found.checks if not check.holds] == []
    assert found.exercises == tuple(found.mutants) == ("bed_of_nails",)
    assert {name for scores in found.scores.values() for name in scores} == {"bed_of_nails"}
    assert not any("max_unpool" in name for name in found.scores)
    assert found.mutants["bed_of_nails"].killed > 200


def test_what_does_not_hold_is_not_recorded(root, graded):
    edit(root / "solutions" / NAME / "hidden" / "test_scale.py", "(x.double() * k)", "(x.double() + k)")
    found, _ = graded()
    with pytest.raises(ValueError, match="not recorded"):
        tested.record(load_assignment(root, NAME), found, 1)
    assert not (root / "solutions" / NAME / tested.FILE).exists()


def test_hints_that_are_not_what_the_variants_give_are_found(root, graded):
    edit(root / "solutions" / NAME / "variants" / "wrong" / "in_place.py", "caller's own image", "image itself")
    _, problems = graded()
    (stale,) = problems["hints.json is what the known-wrong variants give"]
    assert stale.endswith("hints.json is stale; run `autograder hints b1`")


def test_a_visible_test_that_expects_nonsense_is_found(root, graded):
    edit(root / "solutions" / NAME / "tests" / "test_scale.py", "2, 3), 4.0))", "2, 3), 5.0))")
    _, problems = graded()
    reference = problems["the reference solution earns everything by the visible suites"]
    assert "reference solution: scale got wrong, not passed (test_a_picture_of_ones: 100% of the values" in reference[0]
    assert "correct/out_of_place.py" in problems["every correct variant passes by the visible suites"][0]


def test_a_hidden_test_that_expects_nonsense_is_found(root, graded):
    edit(root / "solutions" / NAME / "hidden" / "test_scale.py", "(x.double() * k)", "(x.double() + k)")
    assert "reference solution: scale got wrong" in graded()[1]["the reference solution earns everything"][0]


def test_a_release_that_earns_points_is_found(root, graded):
    edit_cell(
        root, "scale", ("    ### BEGIN SOLUTION\n    return x * k\n", "    return x * k\n    ### BEGIN SOLUTION\n")
    )
    _, problems = graded()
    assert "untouched release: scale got passed, not missing" in problems["the untouched release earns nothing"][0]


def test_a_point_for_a_function_that_does_nothing_is_found(root, graded):
    suite = root / "solutions" / NAME / "hidden" / "test_scale.py"
    takes = '    "Takes a number."\n    student.scale(2.0, 1)\n'
    suite.write_text(f"{suite.read_text()}\n\ndef test_takes_a_number(student):\n{takes}")
    problems = graded()[1]["a function that returns nothing earns nothing"]
    assert problems == ("a function that returns nothing: scale earned 0.8 of 4 points, by test_takes_a_number",)


def test_a_point_for_a_function_that_refuses_everything_is_found(root, graded):
    suite = root / "solutions" / NAME / "hidden" / "test_scale.py"
    refuses = '    "Raises."\n    with pytest.raises(ValueError):\n        student.scale(None, 1)\n'
    suite.write_text(f"{suite.read_text()}\n\ndef test_refuses(student):\n{refuses}")
    problems = graded()[1]["a function that refuses everything earns nothing"]
    assert problems == ("a function that refuses everything: scale earned 0.8 of 4 points, by test_refuses",)


PAGE = """# A chapter

```{code-cell} ipython3
:tags: [hide-input]
import numpy as np
import torch
from pixelwise import plots

LEAST = 0
```

```{code-cell} ipython3
def times(maps, factor=2.0):
    if not isinstance(factor, (int, float)):
        raise TypeError(factor)
    return lifted(maps) * factor

def lifted(maps):
    return maps + LEAST

def show(maps, factor):
    return plots.picture(maps * factor)
```
"""


@pytest.mark.parametrize(
    ("old", "new", "earns"),
    [("", "", True), ("maps + LEAST", "maps[:1]", False), ("def lifted", "%matplotlib inline\ndef lifted", False)],
)
def test_a_page_that_solves_an_exercise_is_found(root, graded, old, new, earns):
    page = root / "book" / "part" / "chapter.md"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE.replace(old, new) if old else PAGE)
    _, problems = graded()
    told = ("part/chapter.md 1: times, pasted in, earns 100% of scale; ask for more",)
    assert problems == (
        {"nothing that the course's pages define, pasted in, earns half of an exercise": told} if earns else {}
    )


def test_a_wrong_variant_that_passes_is_found(root, graded):
    edit(root / "solutions" / NAME / "variants" / "wrong" / "in_place.py", "x.mul_(k)", "x * k")
    assert graded()[1] == {
        "every known-wrong variant fails as stated": ("wrong/in_place.py: scale got passed, not wrong",)
    }


def test_a_score_that_depends_on_the_draw_is_found_and_says_how_often(root, graded):
    suite = root / "solutions" / NAME / "hidden" / "test_scale.py"
    edit(suite, "    for k in (2.5, -1.0, 0.0):\n", "    for k in (one_of(rng, (2.0, 7.0)),):\n")
    edit(suite, "loop_free, normal", "loop_free, normal, one_of")
    variant = root / "solutions" / NAME / "variants" / "wrong" / "in_place.py"
    edit(variant, "x.mul_(k)", "x * min(k, 6.0)")
    found, problems = graded(draws=8)
    first, second = found.scores["wrong/in_place.py"]["scale"]
    assert {first.verdict, second.verdict} == {"passed", "wrong"} and first.draws + second.draws == 8
    (said,) = problems["every known-wrong variant fails as stated"]
    assert said.startswith("wrong/in_place.py: scale depends on the draw: ")
    assert f"{second.verdict} and {second.score:g} points in {second.draws} of 8 draws" in said
    passed = first.draws if first.verdict == "passed" else second.draws
    assert f"test_every_pixel_is_scaled passes in {passed}" in said


# --- the notebook, as a student runs it ---------------------------------------------------------------------------


def run_as_a_student(root):
    release(load_assignment(root, NAME))
    return list(student_run.problems(load_assignment(root, NAME)))


def test_a_notebook_without_the_import_of_check_is_found(root):
    edit_cell(root, "setup", ("from autograder.check import check", ""))
    assert run_as_a_student(root) == ["the cell check-scale raises NameError: name 'check' is not defined"]


def test_a_cell_that_needs_what_students_do_not_get_is_found(root):
    (root / "solutions" / NAME / "variants" / "data.txt").write_text("1 2 3")
    edit_cell(root, "setup", lambda cell: cell.update(source=f"{cell.source}\nimport torch\nopen('variants/data.txt')"))
    (problem,) = run_as_a_student(root)
    assert problem.startswith("the cell setup raises FileNotFoundError") and "variants/data.txt" in problem


def test_a_check_that_is_not_green_is_found_with_what_it_says(root):
    edit(root / "solutions" / NAME / "tests" / "test_scale.py", "2, 3), 4.0))", "2, 3), 5.0))")
    (problem,) = run_as_a_student(root)
    assert problem.startswith("check-scale is not green: ◐ Scaling an image: 1 of 2 tests pass")
    assert "A picture of ones becomes" in problem


def test_a_cell_that_ends_its_kernel_is_found(root):
    edit_cell(root, "setup", lambda cell: cell.update(source=f"{cell.source}\nimport os\nos._exit(1)"))
    assert run_as_a_student(root) == ["a cell ended its kernel, so the cells below it were not run"]


# --- the command --------------------------------------------------------------------------------------------------


def test_a_missing_notebook_is_said_as_what_it_is(root):
    (root / "solutions" / NAME / f"{NAME}.ipynb").unlink()
    with pytest.raises(AssignmentError, match=r"b1\.ipynb does not exist; the author's notebook, solutions included"):
        found_by_reading(root)


def test_what_is_wrong_stands_in_json_and_the_command_says_1(root):
    edit(root / "solutions" / NAME / "assignment.toml", "points = 4", "points = 5")
    done = command("autograder", "validate", "--json", cwd=root)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["scores"] == {}
    assert found["checks"][0]["problems"] == ["scale: the notebook gives 4 points, the manifest 5"]
