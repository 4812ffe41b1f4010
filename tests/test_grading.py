"""Grading one submission: every exercise scores for itself, whatever the rest of the notebook does."""

import json
import re

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict
from autograder.grading import keys
from autograder.grading.grade import grade_submission
from autograder.grading.grader import Grader
from autograder.grading.session import DEATHS_PER_EXERCISE, cells_to_run
from tests.conftest import A1, ROOT

LAYER = "conv2d"


@pytest.fixture
def grade(a1, supervisor, submit):
    """Grades sources as a submission; only the exercises named, to save time."""

    def run(*sources, only=(LAYER,), seed=7):
        return grade_submission(a1, submit(*sources), supervisor, seed, only=only)

    return run


@pytest.fixture
def all_right(reference):
    return list(reference.values())


def verdicts(report):
    return {result.name: result.verdict for result in report.exercises}


def test_the_reference_earns_every_point(grade, all_right, a1):
    report = grade(*all_right, only=None)
    assert report.score == report.max_score == sum(e.points for e in a1.exercises.values())
    assert report.verdict is Verdict.PASSED and report.durations["total"] > 0


def test_a_report_survives_json(grade, all_right):
    report = grade(*all_right)
    again = Report.model_validate_json(report.model_dump_json())
    assert again == report and json.loads(report.model_dump_json())["exercises"][0]["tests"][0]["verdict"] == "passed"


def test_nothing_handed_in_is_missing(grade):
    report = grade("x = 1")
    assert verdicts(report) == {LAYER: "missing"} and report.score == 0


def test_a_syntax_error_costs_its_own_exercise_alone(grade, reference):
    report = grade("def conv2d(x, w:\n    return x", reference["output_size"], only=(LAYER, "output_size"))
    assert verdicts(report) == {LAYER: "error", "output_size": "passed"}
    assert "SyntaxError" in report.exercise(LAYER).tests[0].detail


@pytest.mark.parametrize(
    ("poison", "verdict"),
    [
        ("while True: pass", "timeout"),
        ("import os; os._exit(0)", "error"),
        ("x = bytearray(4 << 30)", "memory"),
        ("while True: print('x' * 99999)", "output"),
    ],
)
def test_a_cell_that_dies_costs_the_exercise_that_it_defines_alone(grade, reference, poison, verdict):
    report = grade(f"{poison}\ndef conv2d(x, w): pass", reference["output_size"], only=(LAYER, "output_size"))
    assert verdicts(report) == {LAYER: verdict, "output_size": "passed"}


def test_a_call_that_dies_leaves_the_other_exercises_alive(grade, reference):
    killer = "def conv2d(*a, **k):\n    import os; os._exit(0)"
    report = grade(killer, reference["output_size"], only=(LAYER, "output_size"))
    assert verdicts(report) == {LAYER: "error", "output_size": "passed"}
    assert "ended" in report.exercise(LAYER).tests[0].detail


def test_an_endless_call_is_not_waited_for_in_every_test(grade):
    report = grade("def conv2d(*a, **k):\n    while True: pass")
    result = report.exercise(LAYER)
    assert result.verdict is Verdict.TIMEOUT
    assert sum("not tried again" in test.detail for test in result.tests) == len(result.tests) - DEATHS_PER_EXERCISE


def test_cells_run_out_of_order_work(grade, reference):
    source = "@twice\n" + reference[LAYER][reference[LAYER].index("def conv2d") :]
    helper = "def twice(f):\n    return lambda *a, **k: f(*a, **k)"
    imports = reference[LAYER][: reference[LAYER].index("def conv2d")]
    assert verdicts(grade(imports + "\n" + source, helper)) == {LAYER: "passed"}


def test_prints_warnings_and_errors_on_stderr_cost_nothing(grade, reference):
    noisy = "import sys, warnings\nprint('10/10'); print('oops', file=sys.stderr); warnings.warn('careful')\n"
    report = grade(noisy + reference[LAYER])
    assert verdicts(report) == {LAYER: "passed"} and "oops" in report.output


def test_a_forged_check_changes_nothing(grade):
    report = grade("check = lambda name: 'passed'\n100", "check('conv2d')", "print('score: 100')")
    assert report.score == 0


def test_cells_equal_to_the_authors_are_left_out_and_all_others_are_the_students(a1, submit):
    locked = [c.source for c in a1.released_notebook.cells if c.metadata.get("nbgrader", {}).get("locked")]
    cells = cells_to_run(a1, submit(*locked, "check('conv2d')  # mine", "x = 1"))
    assert [c.source for c in cells][-2:] == ["check('conv2d')  # mine", "x = 1"]
    assert not any(re.fullmatch(r'check\("\w+"\)', c.source) for c in cells)


def test_an_unreadable_submission_is_a_report_with_zeros(a1, supervisor):
    bad = Submission("x", A1, ROOT, problem="it is not valid JSON", verdict=Verdict.UNREADABLE)
    report = grade_submission(a1, bad, supervisor, 1)
    assert set(verdicts(report).values()) == {"unreadable"} and report.remarks == ("it is not valid JSON",)


def test_the_same_seed_gives_the_same_report(grade, reference):
    wrong = reference[LAYER].replace("def conv2d", "def right") + "\ndef conv2d(*a, **k): return right(*a, **k) + 1e-3"

    def told(report):
        return [(t.name, t.verdict, t.detail) for e in report.exercises for t in e.tests]

    assert told(grade(wrong, seed=3)) == told(grade(wrong, seed=3))


def test_comparing_with_a_forbidden_function_beside_the_solution_is_allowed(grade, reference):
    scratch = "import scipy.signal\nprint(scipy.signal.convolve2d([[1.0]], [[1.0]]))"
    assert verdicts(grade(reference[LAYER], scratch)) == {LAYER: "passed"}


def test_using_a_forbidden_function_in_a_helper_is_not(grade, reference):
    helper = "from scipy import signal as s\ndef helper(x): return s.convolve2d(x, x)"
    caller = "\nright = conv2d\ndef conv2d(*a, **k): return right(*a, **k) if a else helper(k)"
    report = grade(reference[LAYER] + caller, helper)
    assert verdicts(report) == {LAYER: "forbidden"} and report.score == 0
    assert "scipy.signal.convolve2d" in report.exercise(LAYER).tests[0].detail


def test_using_it_on_the_line_of_its_import_is_using_it(grade, reference):
    line = "    import scipy.signal as s; s.correlate([1.0], [1.0])\n"
    used = f"\nright = conv2d\ndef conv2d(*a, **k):\n{line}    return right(*a, **k)"
    assert verdicts(grade(reference[LAYER] + used)) == {LAYER: "forbidden"}


def test_a_helper_that_only_compares_is_no_part_of_the_solution(grade, reference):
    helper = "from scipy import signal as s\ndef compare(x): return s.convolve2d(x, x), conv2d(x, x)"
    assert verdicts(grade(reference[LAYER], helper)) == {LAYER: "passed"}


def test_a_line_that_compares_may_use_the_names_of_the_solutions_variables(grade, reference):
    assert "padded = " in reference[LAYER]
    line = "from scipy import signal as s\npadded = s.convolve2d([[1.0]], [[1.0]])\nassert padded == 1"
    assert verdicts(grade(reference[LAYER], line)) == {LAYER: "passed"}


def test_reaching_for_the_counter_is_forbidden(grade, reference):
    assert verdicts(grade("import sys\ndef off(): sys.settrace(None)", reference[LAYER])) == {LAYER: "forbidden"}


def test_a_value_error_of_ones_own_is_a_value_error(grade, reference):
    own = "class WindowError(ValueError):\n    pass\n\n\n"
    source = own + reference["output_size"].replace("raise ValueError", "raise WindowError")
    assert verdicts(grade(source, only=("output_size",))) == {"output_size": "passed"}


def test_seeds_are_the_courses_secret(tmp_path):
    secret = keys.course_secret(tmp_path)
    assert keys.course_secret(tmp_path) == secret and len(secret) == 32
    assert (tmp_path / ".autograder" / "secret").stat().st_mode & 0o777 == 0o600
    first, second = (keys.assignment_seed(secret, name) for name in ("a1", "a2"))
    assert first != second and 0 <= first < 2**63
    assert keys.assignment_seed(b"another", "a1") != first


def test_the_same_code_gets_the_same_grade_whoever_hands_it_in(make_course, submit):
    grader = Grader(load_assignment(make_course(), A1))
    wrong = (ROOT / "solutions" / A1 / "variants/wrong/conv_one_stride.py").read_text()
    ada, bob = (submit(wrong, student=name) for name in ("ada", "bob"))
    assert grader.key(ada) != grader.key(bob)
    first, second = (grader.regrade(one).timeless() for one in (ada, bob))
    assert first["student"] != second["student"] and first["score"] > 0
    assert {**first, "student": "", "key": ""} == {**second, "student": "", "key": ""}


def test_a_key_changes_with_all_that_decides_a_grade(a1, submit, make_course, tmp_path):
    one, two = submit("x = 1"), submit("x = 2")
    decided = keys.digest_of(keys.deciding_parts(a1))
    assert keys.report_key(decided, one, 1) != keys.report_key(decided, two, 1)
    assert keys.report_key(decided, one, 1) != keys.report_key(decided, one, 2)
    root = make_course()
    suite = root / "solutions" / A1 / "hidden" / "test_conv2d.py"
    before = keys.deciding_parts(load_assignment(root, A1))
    suite.write_text(suite.read_text() + "\n# changed\n")
    assert keys.deciding_parts(load_assignment(root, A1)) != before


def test_a_broken_suite_is_our_fault_and_not_the_students(make_course, supervisor, submit):
    root = make_course()
    (root / "solutions" / A1 / "hidden" / "test_conv2d.py").write_text("import nothing_of_the_kind\n")
    with pytest.raises(AssignmentError, match="cannot be imported"):
        grade_submission(load_assignment(root, A1), submit("x = 1"), supervisor, 1, only=(LAYER,))


def test_a_submissions_metadata_does_not_choose_what_runs(a1, reference):
    swapped = (Cell("code", reference[LAYER], "check-conv2d"), Cell("code", "pass", LAYER))
    cells = cells_to_run(a1, Submission("x", A1, ROOT, swapped))
    assert reference[LAYER] in [c.source for c in cells]
