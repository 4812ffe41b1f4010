"""The suites of `a1-convolution` tell right from wrong: tried on the reference and every variant, without the jail."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from autograder.assignment import Assignment
from autograder.dialect import LocalStudent, SuiteRun, run_suite
from autograder.report import Verdict, score_exercise, worst

ROOT = Path(__file__).resolve().parents[1]
HIDDEN = ROOT / "autograder" / "suites" / "a1-convolution"
VISIBLE = ROOT / "solutions" / "a1-convolution" / "tests"
EXERCISES = ("output_size", "im2col", "conv2d", "conv2d_backward", "max_pool2d", "local_contrast_norm")
CORRECT = sorted((HIDDEN / "variants" / "correct").glob("*.py"))
WRONG = sorted((HIDDEN / "variants" / "wrong").glob("*.py"))
SEEDS = range(5)

Run = Callable[..., SuiteRun]

hidden_and_visible = pytest.mark.parametrize("folder", [HIDDEN, VISIBLE], ids=["hidden", "visible"])
each_exercise = pytest.mark.parametrize("exercise", EXERCISES)


@pytest.fixture
def run(a1: Assignment) -> Run:
    """Runs one suite on the functions of a namespace."""

    def run(folder: Path, exercise: str, namespace: dict[str, Any], seed: int = 0) -> SuiteRun:
        student = LocalStudent(namespace, a1.exercises[exercise].forbidden_operators)
        return run_suite(folder / f"test_{exercise}.py", student, seed)

    return run


@pytest.fixture(scope="session")
def solved(a1: Assignment, reference: dict[str, str]) -> dict[str, Any]:
    """The namespace of the author's notebook."""
    return namespace_of(a1, [reference[name] for name in a1.exercises])


def namespace_of(a1: Assignment, sources: list[str]) -> dict[str, Any]:
    setup = next(
        cell.source for cell in a1.notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "setup"
    )
    namespace: dict[str, Any] = {}
    for source in (setup, *sources):
        exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def variant(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failed(plugin: SuiteRun) -> list[str]:
    return [f"{r.name}: {r.verdict}: {r.detail}" for r in plugin.results if r.verdict is not Verdict.PASSED]


@hidden_and_visible
@each_exercise
def test_the_reference_passes_with_any_seed(run: Run, solved, folder, exercise):
    for seed in SEEDS:
        assert failed(run(folder, exercise, solved, seed)) == []


@hidden_and_visible
@each_exercise
def test_the_released_stub_earns_nothing(run: Run, a1, folder, exercise):
    cells = a1.released_notebook.cells
    stubs = [c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") in EXERCISES]
    plugin = run(folder, exercise, namespace_of(a1, stubs))
    assert {result.verdict for result in plugin.results} == {Verdict.MISSING}


@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
def test_other_ways_of_being_right_pass(run: Run, capsys, path):
    module = variant(path)
    for exercise in module.SOLVES:
        for folder in (HIDDEN, VISIBLE):
            assert failed(run(folder, exercise, vars(module), seed=1)) == []


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_known_mistakes_get_their_verdict(run: Run, path):
    module = variant(path)
    for exercise, verdict in module.FAILS.items():
        for seed in SEEDS[:2]:
            plugin = run(HIDDEN, exercise, vars(module), seed)
            assert worst([result.verdict for result in plugin.results]) == verdict, failed(plugin)


@each_exercise
def test_every_exercise_knows_at_least_four_mistakes(exercise):
    assert sum(exercise in variant(path).FAILS for path in WRONG) >= 4


@pytest.mark.parametrize("path", [p for p in WRONG if "forbidden" in p.read_text()], ids=lambda path: path.stem)
def test_a_forbidden_operator_leaves_nothing(run: Run, a1, path):
    for exercise in variant(path).FAILS:
        about = a1.exercises[exercise]
        tests = run(HIDDEN, exercise, vars(variant(path))).results
        assert score_exercise(tests, about.points, about.gate_credit) == 0


@each_exercise
def test_refusing_everything_earns_nothing(run: Run, exercise):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("this does not fit")

    tests = run(HIDDEN, exercise, {exercise: refuse}).results
    assert score_exercise(tests, 1.0, 1.0) == 0


@each_exercise
def test_hidden_tests_use_inputs_that_the_visible_ones_do_not(run: Run, solved, exercise):
    inputs = {}
    for folder in (HIDDEN, VISIBLE):
        seen = inputs[folder] = set()
        run(folder, exercise, {exercise: recorded(solved[exercise], seen)})
        assert seen
    assert inputs[HIDDEN].isdisjoint(inputs[VISIBLE])


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
def test_every_test_says_one_sentence_that_gives_nothing_away(run: Run, solved, exercise):
    results = {folder: run(folder, exercise, solved).results for folder in (HIDDEN, VISIBLE)}
    for result in results[HIDDEN] + results[VISIBLE]:
        assert re.fullmatch(r"[A-Z`][^\n]+[.]", result.message), result.name
        numbers = re.findall(r"\d{2,}|\d\.\d|[(]\d", re.sub(r"float(32|64)|64 bits|180°", "", result.message))
        assert numbers == [], result.name
    names = {folder: {result.name for result in found} for folder, found in results.items()}
    assert names[HIDDEN].isdisjoint(names[VISIBLE])
    assert len({result.message for result in results[HIDDEN]}) == len(results[HIDDEN])
