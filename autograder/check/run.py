"""Runs the visible tests of an exercise on the functions of a notebook, and shows what they found."""

import contextlib
import io
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from autograder.check import result_words, source
from autograder.check.cells import RUNS
from autograder.check.clock import Clock
from autograder.check.evidence import evidence
from autograder.check.page import as_html
from autograder.check.result import Case, CheckResult, Overview
from autograder.check.student import CheckedStudent
from autograder.check.text import as_text
from autograder.course.errors import AssignmentError
from autograder.course.manifest import Exercise, Manifest, read_manifest
from autograder.course.report import TestResult
from autograder.course.text import plain, sentence
from autograder.suite.errors import StudentError, SuiteError
from autograder.suite.runner import run_suite

# The same inputs at every run, so that a student meets again what failed a minute ago. Grading draws others.
SEED = 20_230_211


def check(exercise: str | None = None) -> None:
    """Run the visible tests of ``exercise``, or of all, on the functions of this notebook and show what they find."""
    namespace = _namespace(sys._getframe(1).f_globals)
    result = examine_all(Path.cwd(), namespace) if exercise is None else examine(exercise, Path.cwd(), namespace)
    try:
        _show(result)
    except Exception as error:
        _show(_failed(getattr(result, "exercise", "everything"), error))


def examine(exercise: str, folder: Path, namespace: Mapping[str, Any], seed: int = SEED) -> CheckResult:
    """The result of the visible tests of ``exercise`` in ``folder`` on the functions in ``namespace``. Never raises."""
    name = plain(getattr(exercise, "__name__", exercise), 100)
    suite = Path(folder) / "tests" / f"test_{name}.py"
    try:
        return _examine(name, Path(folder), suite, namespace, seed)
    except KeyboardInterrupt as stop:
        frames = source.student_frames(stop, namespace)
        return CheckResult(
            name, problem=result_words.interrupted(source.test_of(stop, suite), frames), interrupted=True
        )
    except (AssignmentError, SuiteError) as error:
        return CheckResult(name, problem=plain(error, 1000))
    except Exception as error:
        return _failed(name, error)


def examine_all(folder: Path, namespace: Mapping[str, Any]) -> Overview:
    """The results of all exercises in ``folder``. Never raises; what comes after an interruption is not tested."""
    try:
        manifest = _manifest(Path(folder))
    except AssignmentError as error:
        return Overview(problem=plain(error, 1000))
    results: list[CheckResult] = []
    for name, exercise in manifest.exercise.items():
        if exercise.kind == "code":
            stopped = any(result.interrupted for result in results)
            found = CheckResult(name, problem="Not tested.") if stopped else examine(name, folder, namespace)
            results.append(replace(found, title=exercise.title, points=exercise.points))
    written = tuple((each.title, each.points) for each in manifest.exercise.values() if each.kind == "written")
    return Overview(manifest.title, tuple(results), written)


def _failed(name: str, error: Exception) -> CheckResult:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return CheckResult(
        name,
        problem=f"The check itself failed, not your code: {type(error).__name__}: {plain(error, 300)} "
        f"({Path(where.filename).name}, line {where.lineno}). Please tell your instructor.",
    )


def _examine(name: str, folder: Path, suite: Path, namespace: Mapping[str, Any], seed: int) -> CheckResult:
    started = time.perf_counter()
    manifest = _manifest(folder)
    exercise = _exercise(name, manifest)
    if not suite.is_file():
        raise AssignmentError(f"The visible tests of {name} are not here: {suite} is missing. Get the assignment anew.")
    if old := RUNS.stale(name, namespace, _running_line(namespace)):
        return CheckResult(name, title=exercise.title, problem=plain(result_words.stale(name, old), 1000))

    def case(test: TestResult) -> Case:
        error = run.failures.get(test.name)
        frames = source.student_frames(error.__cause__, namespace) if isinstance(error, StudentError) else ()
        call = student.last_call(error)
        return Case(
            test,
            evidence(test, error, call, frames, findings, exercise.forbid),
            tuple(run.measurements.get(test.name, ())),
            sources.get(test.name.partition("[")[0], ()),
            source.failed_line(error, suite),
            call.line if call is not None else None,
        )

    printed = io.StringIO()
    clock = Clock(manifest.limits.call_seconds)
    student = CheckedStudent(namespace, exercise.forbidden_operators, suite, clock)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _one_thread(), clock:
        run = run_suite(suite, student, seed)
        findings = tuple(source.findings(name, namespace, exercise))
        sources = source.test_sources(suite)
        cases = tuple(map(case, run.results))
    absent = (e for e in run.failures.values() if isinstance(e, StudentError) and e.kind == "NameError")
    return CheckResult(
        name,
        title=exercise.title,
        cases=cases,
        findings=findings,
        printed=plain(run.printed + printed.getvalue(), 4000),
        points=exercise.points,
        gate_credit=exercise.gate_credit,
        suite=f"tests/{suite.name}",
        absent=next((sentence(error.message)[:-1] for error in absent), ""),
        origin=RUNS.origin(name, namespace),
        seconds=time.perf_counter() - started,
    )


def _running_line(namespace: Mapping[str, Any]) -> int | None:
    """The line of the notebook's running cell that asks for a check."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is namespace and frame.f_code.co_name == "<module>":
            return frame.f_lineno
        frame = frame.f_back
    return None


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    # On tensors of a few hundred entries waking a second thread costs more than the work: three quarters of a check.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _manifest(folder: Path) -> Manifest:
    path = folder / "assignment.toml"
    if not path.is_file():
        raise AssignmentError(
            f"There is no assignment.toml in {folder}. Open the notebook in the folder that it came in, "
            "together with assignment.toml and tests/, and run it from there."
        )
    return read_manifest(path)


def _exercise(name: str, manifest: Manifest) -> Exercise:
    code = {key: each for key, each in manifest.exercise.items() if each.kind == "code"}
    if name in code:
        return code[name]
    if name in manifest.exercise:
        raise AssignmentError(
            f"{name} is a written question: a person reads and grades it, so there is nothing to check."
        )
    raise AssignmentError(f'There is no exercise called "{name}" in this assignment. It has: {", ".join(code)}.')


def _namespace(otherwise: Mapping[str, Any]) -> Mapping[str, Any]:
    shell = _shell()
    return otherwise if shell is None else shell.user_ns


def _shell() -> Any:
    # Without IPython loaded this is a plain script, and loading it would only cost a second.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _show(result: CheckResult | Overview) -> None:
    text = as_text(result)
    if _shell() is not None:
        from IPython.display import display

        display({"text/html": as_html(result), "text/plain": text}, raw=True)
        return
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))


# From its import on, which a notebook has at its top, so that no run of a cell that matters is missed.
if _shell() is not None:
    RUNS.follow(_shell())
