"""Tests of a suite that run side by side find what they would find one after another."""

import time

import pytest
import torch

from autograder.authoring import sample_class
from autograder.course.submission import Submission, parse
from autograder.grading.batching import CallBatcher
from autograder.grading.grade import grade_submission
from autograder.grading.session import Session
from autograder.measure.calls import Call, Mode, Outcome
from autograder.suite.errors import RunSerially, student_error

SEED = 11


def call(number):
    return Call("f", Mode.VALUE, (number,))


@pytest.fixture
def asked():
    return []


@pytest.fixture
def batcher(asked):
    """Answers each call with its number doubled, and an odd one with an error; notes what was asked in each round."""

    def answer(calls):
        asked.append([c.args[0] for c in calls])
        return [student_error("ValueError", "odd") if n % 2 else Outcome(2 * n) for n in asked[-1]]

    return CallBatcher(answer)


def test_what_several_tests_wait_for_is_asked_at_once(batcher, asked):
    got = []

    def test(*numbers):
        return lambda: got.append([batcher.ask(call(n)).value for n in numbers])

    batcher.run([test(2, 4, 6), test(), test(8), test(10, 12)])
    assert asked == [[2, 8, 10], [4, 12], [6]]
    assert got == [[], [16], [20, 24], [4, 8, 12]]


def test_an_error_is_raised_in_the_test_that_asked_for_it(batcher, asked):
    seen = []

    def refused():
        with pytest.raises(ValueError, match="odd"):
            batcher.ask(call(3))
        seen.append(batcher.ask(call(4)).value)

    batcher.run([refused, lambda: seen.append(batcher.ask(call(6)).value)])
    assert seen == [12, 8] and asked == [[3, 6], [4]]


def test_what_a_test_lets_pass_ends_the_run_and_every_test_in_it(batcher):
    ended = []

    def waiting():
        try:
            batcher.ask(call(2))
        finally:
            ended.append("waiting")
            with pytest.raises(RunSerially):
                batcher.ask(call(4))

    def broken():
        raise RunSerially

    with pytest.raises(RunSerially):
        batcher.run([waiting, broken, lambda: ended.append("never begun")])
    assert ended == ["waiting"]


def test_switched_off_gradients_stay_in_their_own_test(batcher):
    states = []

    def without():
        with torch.no_grad():
            batcher.ask(call(2))
            states.append(torch.is_grad_enabled())
        states.append(torch.is_grad_enabled())

    def other():
        states.append(torch.is_grad_enabled())
        batcher.ask(call(4))
        states.append(torch.is_grad_enabled())

    batcher.run([without, other])
    assert states == [True, False, True, True] and torch.is_grad_enabled()


def test_a_test_is_not_charged_for_the_time_of_others(batcher):
    took = {}

    def idle():
        started = batcher.clock()
        batcher.ask(call(2))
        took["idle"] = batcher.clock() - started

    def busy():
        started = batcher.clock()
        time.sleep(0.2)
        batcher.ask(call(4))
        took["busy"] = batcher.clock() - started

    batcher.run([idle, busy])
    assert took["busy"] > 0.15 > took["idle"]


def gradable(a1):
    """The recipes of the sample class whose submissions are notebooks as students write them."""
    return [recipe for recipe in sample_class.recipes(a1) if not (recipe.absent or recipe.file or recipe.edit)]


def graded_both_ways(a1, recipes, supervisor, monkeypatch):
    """The reports of some submissions with calls in batches, and one after another."""
    submissions = [
        Submission(recipe.student, a1.name, a1.root, parse(sample_class.notebook_bytes(recipe, a1)))
        for recipe in recipes
    ]

    def reports():
        return [plain(grade_submission(a1, submission, supervisor, SEED)) for submission in submissions]

    together = reports()
    monkeypatch.setattr(Session, "batched", property(lambda self: False, lambda self, value: None), raising=False)
    return together, reports()


def test_every_verdict_is_the_same_either_way(a1, supervisor, monkeypatch):
    """Right and wrong, loops and forbidden operators, endless calls and killed processes: one submission of a kind."""
    kinds = {recipe.verdict_of(name): recipe for recipe in gradable(a1) for name in a1.exercises}
    recipes = {recipe.student: recipe for recipe in kinds.values()}
    together, serially = graded_both_ways(a1, recipes.values(), supervisor, monkeypatch)
    assert together == serially
    assert {verdict for report in together for verdict in report["verdicts"]} >= kinds.keys() and len(kinds) >= 5


@pytest.mark.proof
def test_the_sample_class_gets_the_same_reports_either_way(a1, supervisor, monkeypatch):
    together, serially = graded_both_ways(a1, gradable(a1), supervisor, monkeypatch)
    assert together == serially


def plain(report):
    """What a report says, without how long it took."""
    tests = [(t.name, t.verdict, t.points, t.detail) for result in report.exercises for t in result.tests]
    return {
        "student": report.student, "score": report.score, "remarks": report.remarks, "tests": tests,
        "verdicts": [result.verdict for result in report.exercises],
    }  # fmt: skip
