"""What to say of a failure: what was seen, and what may help."""

from collections.abc import Sequence
from dataclasses import replace

from autograder.check import advice, differences, growth
from autograder.check.clock import TooLong
from autograder.check.result import Evidence, Frame
from autograder.check.student import SeenCall
from autograder.course.report import TestResult
from autograder.course.text import plain, sentence
from autograder.course.verdict import Verdict
from autograder.measure.source_rules import Finding
from autograder.suite.errors import Failure, Forbidden, Loops, Mismatch, StudentError
from autograder.suite.loops import Measurement


def evidence(
    test: TestResult,
    error: BaseException | None,
    call: SeenCall | None,
    frames: tuple[Frame, ...],
    findings: Sequence[Finding],
    forbidden: Sequence[str],
) -> Evidence:
    """What was seen when ``test`` ended with ``error``, which passed through ``frames`` of the student's.

    ``call`` is the last that the test made, ``findings`` are about the exercise's source, ``forbidden`` is what the
    exercise asks to do without.
    """
    seen = _seen(test, error, call, frames, findings, forbidden)
    # A measurement is of several calls, and a function that is not written yet has none worth showing.
    told = call is not None and not isinstance(error, Loops) and test.verdict is not Verdict.MISSING
    return replace(seen, call=differences.shown_call(call.function, call.args, call.kwargs)) if told else seen


def _seen(
    test: TestResult,
    error: BaseException | None,
    call: SeenCall | None,
    frames: tuple[Frame, ...],
    findings: Sequence[Finding],
    forbidden: Sequence[str],
) -> Evidence:
    told = (sentence(test.detail),)
    match error:
        case Mismatch():
            seen = differences.explain(error.got, error.expected, error.differ)
            facts = seen.facts or told
            if error.part:
                facts = (f"In part {error.part} of the result:", *facts)
            if "in place" in test.detail:
                facts = (*told, *facts)
            return replace(seen, facts=facts)
        case Loops():
            measured = Measurement(error.sizes, error.works)
            return Evidence((growth.explanation(measured),), clue=advice.on_loops(findings), measured=measured)
        case Forbidden(names=names):
            return Evidence(told, clue=advice.on_forbidden(names, forbidden), cause=("forbidden", names[0]))
        case TooLong():
            return Evidence((_too_long(error, frames),), frames=frames, cause=("too long",))
        case StudentError(kind=kind, message=message):
            cause = (kind, frames[-1].line if frames else message)
            if error.verdict is Verdict.MISSING:
                return Evidence((sentence(message),) if message else (), frames=frames, cause=cause)
            return Evidence(
                error=f"{kind}: {plain(message, 1200)}" if message else kind,
                facts=() if frames or not error.where else (sentence(f"it happened in {error.where}"),),
                clue=advice.on_error(error),
                frames=frames,
                cause=cause,
            )
        case AssertionError() if str(error) and not isinstance(error, Failure):
            return Evidence(told, error=plain(error, 1200))
        case None:
            return Evidence()
    if test.detail.startswith("it should raise") and call is not None and call.returned:
        asked = test.detail.partition(", and it returned")[0]
        return Evidence((sentence(f"{asked}, and it returned `{differences.shown(call.value)}`"),))
    return Evidence(told)


def _too_long(error: TooLong, frames: Sequence[Frame]) -> str:
    """Which limit a call broke, and where it was stopped."""
    where = f" in line {frames[-1].line}: `{frames[-1].text}`" if frames else ""
    if not error.tried:
        return "Not tried: calls before it took too long."
    if error.overall:
        return f"All calls together took longer than {error.allowed:g} s, and `{error.function}` was stopped{where}."
    if not where:
        return (
            f"`{error.function}` took {error.seconds:.1f} s, and a call may take {error.allowed:g} s. "
            "It could not be stopped before it was done."
        )
    if error.in_one_step:
        return (
            f"`{error.function}` took {error.seconds:.1f} s, and a call may take {error.allowed:g} s. It was in one "
            f"long operation, which nothing can stop before it is done,{where}."
        )
    return f"`{error.function}` took longer than {error.allowed:g} s and was stopped{where}."
