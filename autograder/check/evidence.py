"""What to say of a failure: what was seen, and what may help."""

from collections.abc import Sequence
from dataclasses import replace

from autograder.check import advice, differences, growth
from autograder.check.result import Evidence, Frame
from autograder.course.report import TestResult
from autograder.course.text import plain, sentence
from autograder.course.verdict import Verdict
from autograder.measure.source_rules import Finding
from autograder.suite.errors import Failure, Forbidden, Loops, Mismatch, StudentError
from autograder.suite.loops import Measurement


def evidence(
    test: TestResult,
    error: BaseException | None,
    frames: tuple[Frame, ...],
    findings: Sequence[Finding],
    forbidden: Sequence[str],
) -> Evidence:
    """What was seen when ``test`` ended with ``error``, which passed through ``frames`` of the student's.

    ``findings`` are about the exercise's source, ``forbidden`` is what the exercise asks to do without.
    """
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
    return Evidence(told)
