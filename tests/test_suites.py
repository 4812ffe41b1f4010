"""The suites of every assignment tell right from wrong: tried on the reference solution, without the jail.

What variants get from hidden suites is for `autograder validate` to find out, in the jail.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.authoring.sample_class import reference_sources
from autograder.course.assignment import Assignment, assignment_names, load_assignment
from autograder.course.report import score_exercise
from autograder.course.verdict import Verdict
from autograder.suite.runner import SuiteRun, run_suite
from autograder.suite.student import LocalStudent
from tests.conftest import ROOT

SEEDS = range(int(os.environ.get("PIXELWISE_DRAWS", "5")))  # `make proof P=draws` takes 200
ASSIGNMENTS = [load_assignment(ROOT, name) for name in assignment_names(ROOT)]
EXERCISES = [(assignment, name) for assignment in ASSIGNMENTS for name in assignment.exercises]
VARIANTS = [
    (assignment, path) for assignment in ASSIGNMENTS for path in sorted(assignment.source.glob("variants/*/*.py"))
]

each_exercise = pytest.mark.parametrize(
    ("assignment", "exercise"), EXERCISES, ids=[f"{assignment.name}-{name}" for assignment, name in EXERCISES]
)
hidden_and_visible = pytest.mark.parametrize("which", ["hidden", "tests"])


def run(assignment: Assignment, which: str, exercise: str, namespace: dict[str, Any], seed: int = 0) -> SuiteRun:
    """Run one suite, hidden or visible (``tests``), on the functions of a namespace."""
    student = LocalStudent(namespace, assignment.exercises[exercise].forbidden_operators)
    return run_suite(assignment.source / which / f"test_{exercise}.py", student, seed)


@cache
def solved(name: str) -> dict[str, Any]:
    """The namespace of the author's notebook."""
    assignment = load_assignment(ROOT, name)
    reference = reference_sources(assignment)
    return namespace_of(assignment, [reference[exercise] for exercise in assignment.exercises])


def namespace_of(assignment: Assignment, sources: list[str]) -> dict[str, Any]:
    """What is defined after the notebook's first cell and ``sources`` have run."""
    setup = next(
        c.source for c in assignment.notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "setup"
    )
    namespace: dict[str, Any] = {}
    for source in (setup, *sources):
        exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def stated(path: Path) -> dict[str, str]:
    """What a variant says of itself: the exercises that it fails, by verdict, or solves."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id in ("SOLVES", "FAILS"):
            found = ast.literal_eval(node.value)
            return found if isinstance(found, dict) else dict.fromkeys(found, "passed")
    raise AssertionError(f"{path} does not say which exercises it is about")


def failed(done: SuiteRun) -> list[str]:
    return [f"{r.name}: {r.verdict}: {r.detail}" for r in done.results if r.verdict is not Verdict.PASSED]


@hidden_and_visible
@each_exercise
def test_the_reference_passes_with_any_seed(assignment, exercise, which):
    for seed in SEEDS:
        assert failed(run(assignment, which, exercise, solved(assignment.name), seed)) == []


@hidden_and_visible
@each_exercise
def test_the_released_stub_earns_nothing(assignment, exercise, which):
    cells = assignment.released_notebook.cells
    stubs = [c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") in assignment.exercises]
    done = run(assignment, which, exercise, namespace_of(assignment, stubs))
    assert {result.verdict for result in done.results} == {Verdict.MISSING}


CORRECT = [(assignment, path) for assignment, path in VARIANTS if path.parent.name == "correct"]


@pytest.mark.parametrize(("assignment", "path"), CORRECT, ids=[path.stem for _, path in CORRECT])
def test_other_ways_of_being_right_pass_the_visible_tests(capsys, assignment, path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for exercise in stated(path):
        assert failed(run(assignment, "tests", exercise, vars(module), seed=1)) == []


@each_exercise
def test_every_exercise_knows_at_least_four_mistakes(assignment, exercise):
    wrong = [path for other, path in VARIANTS if other is assignment and path.parent.name == "wrong"]
    assert sum(exercise in stated(path) for path in wrong) >= 4


@each_exercise
def test_refusing_everything_earns_nothing(assignment, exercise):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("this does not fit")

    tests = run(assignment, "hidden", exercise, {exercise: refuse}).results
    assert score_exercise(tests, 1.0, 1.0) == 0


WRONG = [(assignment, path) for assignment, path in VARIANTS if path.parent.name == "wrong"]


@pytest.mark.parametrize(("assignment", "path"), WRONG, ids=[path.stem for _, path in WRONG])
def test_a_mistake_fails_a_gate_only_where_it_is_a_loop(capsys, assignment, path):
    namespace = namespace_of(assignment, [path.read_text()])
    for exercise, verdict in stated(path).items():
        results = run(assignment, "hidden", exercise, namespace).results
        gates = {result.verdict for result in results if result.gate} - {Verdict.PASSED}
        assert gates <= {Verdict.LOOPS, Verdict(verdict)} - {Verdict.WRONG, Verdict.ERROR}


@each_exercise
def test_a_smaller_mistake_costs_no_more_than_a_larger_one(assignment, exercise):
    right, about = solved(assignment.name)[exercise], assignment.exercises[exercise]
    names = [name for name in inspect.signature(right).parameters if name in PAIRS or name in NUMBERS]
    atoms = [(name, axis) for name in names for axis in ((None,) if name in NUMBERS else (0, 1))]

    @cache
    def score(mistakes: tuple[tuple[str, int | None], ...]) -> float:
        results = run(assignment, "hidden", exercise, {exercise: ignoring(right, mistakes)}).results
        return score_exercise(results, 1.0, about.gate_credit)

    both = [tuple(atom for atom in atoms if atom[0] == name) for name in names]
    for larger in (*both, tuple(atoms)):
        for smaller in (*((atom,) for atom in larger), *(each for each in both if set(each) <= set(larger))):
            assert 1 > score(smaller) >= score(larger), (smaller, larger)


PAIRS, NUMBERS = ("stride", "padding", "dilation"), ("s", "p", "d")


def ignoring(function: Callable[..., Any], mistakes: tuple[tuple[str, int | None], ...]) -> Callable[..., Any]:
    """``function`` where parameters are not heeded: each by name, and by axis if it may be a pair."""
    signature = inspect.signature(function)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        for name, axis in mistakes:
            given, default = call.arguments.get(name), signature.parameters[name].default
            if given is not None:
                default = call.arguments["kernel_size"] if default is None else default
                call.arguments[name] = default if axis is None else with_half(given, default, axis)
        return function(*call.args, **call.kwargs)

    return wrapped


def with_half(given: Any, default: Any, axis: int) -> tuple[int, int]:
    """A pair as it was given, but for one half that is the default's."""
    pairs = [(value, value) if isinstance(value, int) else value for value in (given, default)]
    return tuple(pairs[1 if axis == i else 0][i] for i in (0, 1))


@each_exercise
def test_a_refusal_without_a_message_costs_nothing_where_none_is_asked_for(assignment, exercise):
    reference = reference_sources(assignment)
    silent = [re.sub(r"raise ValueError\(.*\)", "raise ValueError", reference[name]) for name in assignment.exercises]
    results = run(assignment, "hidden", exercise, namespace_of(assignment, silent)).results
    wrong = [result.name for result in results if result.verdict is not Verdict.PASSED]
    assert wrong == (["test_refusals_say_why"] if exercise == "output_size" else [])


@each_exercise
def test_hidden_tests_use_inputs_that_the_visible_ones_do_not(assignment, exercise):
    inputs = {}
    for which in ("hidden", "tests"):
        seen = inputs[which] = set()
        run(assignment, which, exercise, {exercise: recorded(solved(assignment.name)[exercise], seen)})
        assert seen
    assert inputs["hidden"].isdisjoint(inputs["tests"])


def recorded(function: Callable[..., Any], seen: set[object]) -> Callable[..., Any]:
    """``function``, putting what it is called with into ``seen``."""
    signature = inspect.signature(function)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        seen.add(tuple(frozen(value) for value in call.arguments.values()))
        return function(*args, **kwargs)

    return wrapped


def frozen(value: Any) -> object:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), str(value.dtype), value.detach().numpy().tobytes()
    return tuple(value) if isinstance(value, list) else value


@each_exercise
def test_every_test_says_one_sentence_that_gives_nothing_away(assignment, exercise):
    results = {w: run(assignment, w, exercise, solved(assignment.name)).results for w in ("hidden", "tests")}
    for result in results["hidden"] + results["tests"]:
        assert re.fullmatch(r"[A-Z`][^\n]+[.]", result.message), result.name
        numbers = re.findall(
            r"\d{2,}|\d\.\d|[(]\d", re.sub(r"float(16|32|64)|u?int(8|16|32|64)|64 bits|180°", "", result.message)
        )
        assert numbers == [], result.name
    names = {which: {result.name for result in found} for which, found in results.items()}
    assert names["hidden"].isdisjoint(names["tests"])
    assert len({result.message for result in results["hidden"]}) == len(results["hidden"])
