"""A student whose tests fail just as those of a known mistake do reads the hint for it, and nothing that is hidden."""

import json
from datetime import UTC, datetime

import pytest

from autograder.authoring import hinting, variants
from autograder.course.assignment import assignment_names, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.hints import MOST, hints_for, read_hints
from autograder.course.report import ExerciseResult, Report, TestResult
from autograder.course.verdict import Verdict
from autograder.nbgrader import feedback_page
from tests.conftest import A1, ROOT, copy_course

HINTS = {"conv2d": {frozenset({"test_bias"}): ["Forgets the bias."], frozenset({"test_a", "test_b"}): list("wxyz")}}


def report(*failed: str, passed: tuple[str, ...] = ("test_rest",)) -> Report:
    tests = [TestResult(name=name, verdict=Verdict.WRONG, points=1) for name in failed]
    tests += [TestResult(name=name, verdict=Verdict.PASSED, points=1) for name in passed]
    result = ExerciseResult(name="conv2d", score=1, max_score=6, verdict=Verdict.WRONG, tests=tuple(tests))
    return Report(
        assignment=A1, student="ada", score=1, max_score=6, verdict=Verdict.WRONG, exercises=(result,), seed=1
    )


def test_the_pattern_of_failed_tests_decides():
    assert hints_for(HINTS, report("test_bias")) == {
        "conv2d": "A known mistake fails just these tests: Forgets the bias."
    }
    assert hints_for(HINTS, report("test_bias", "test_rest", passed=("test_a",))) == {}
    assert hints_for(HINTS, report()) == {}


def test_more_mistakes_than_help_and_code_that_passes_nothing_get_none():
    assert len("wxyz") > MOST and hints_for(HINTS, report("test_a", "test_b")) == {}
    assert hints_for(HINTS, report("test_bias", passed=())) == {}


def test_the_page_says_it_as_text():
    graded = report("test_bias")
    manifest = load_assignment(ROOT, A1).manifest
    shown = feedback_page.page(graded, manifest, datetime.now(UTC), None, {"conv2d": "Look at <b>."})
    assert "Look at &lt;b&gt;." in shown and "Look at <b>." not in shown
    assert 'class="note hint"' not in feedback_page.page(graded, manifest, datetime.now(UTC))


@pytest.mark.parametrize("text", ["{", "[]", '{"conv2d": 3}', '{"conv2d": [{"fails": []}]}'])
def test_a_file_that_cannot_be_read_is_said_with_the_way_out(tmp_path, text):
    assignment = load_assignment(copy_course(tmp_path / "course"), A1)
    (assignment.source / "hints.json").write_text(text)
    with pytest.raises(AssignmentError, match=f"run `autograder hints {A1}`"):
        read_hints(assignment)


def test_a_variant_that_fails_otherwise_makes_the_file_stale():
    assignment = load_assignment(ROOT, A1)
    wrong = next(each for each in variants.read_variants(assignment) if each.hint == "Forgets the bias.")
    text = hinting.text_of([(wrong, report("test_bias"))])
    assert json.loads(text) == {"conv2d": [{"fails": ["test_bias"], "hints": ["Forgets the bias."]}]}
    (problem,) = hinting.stale(assignment, [(wrong, report("test_bias"))])
    assert problem.endswith(f"hints.json is stale; run `autograder hints {A1}`")


@pytest.mark.parametrize("name", assignment_names(ROOT))
def test_every_hint_is_a_sentence_and_most_mistakes_have_one_of_their_own(name):
    found = [each for patterns in read_hints(load_assignment(ROOT, name)).values() for each in patterns.values()]
    for hint in (hint for hints in found for hint in hints):
        assert hint[-1] in ".:!?" and len(hint) > 15, hint
    told = sum(len(hints) for hints in found if len(hints) <= MOST)
    assert told > 0.7 * sum(map(len, found))
