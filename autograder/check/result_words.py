"""Sentences that the page and the text of a result share."""

from collections.abc import Sequence
from typing import NamedTuple

from autograder.check.result import Case, CheckResult, Evidence
from autograder.course.text import readable
from autograder.course.verdict import Verdict


class Headline(NamedTuple):
    """The role of its colour, a symbol, and how many tests pass."""

    role: str
    symbol: str
    words: str


def headline(result: CheckResult) -> Headline:
    """What is said first."""
    if result.problem:
        return Headline(Verdict.FAULT.role, Verdict.FAULT.symbol, "could not be checked")
    if not result.attempted:
        return Headline(Verdict.MISSING.role, Verdict.MISSING.symbol, Verdict.MISSING.word)
    passed, total = len(result.passing), len(result.cases)
    if passed == total:
        words = "the test passes" if total == 1 else f"all {total} tests pass"
        return Headline(Verdict.PASSED.role, Verdict.PASSED.symbol, words)
    score = f"{passed} of {count(total)} pass" + ("es" if total == 1 else "")
    if all(test.verdict is Verdict.PASSED for test in result.tests if not test.gate):
        return Headline("part", "◐", f"{score}: the values are right, a gate is not passed")
    return Headline("part", "◐", score) if passed else Headline(Verdict.WRONG.role, Verdict.WRONG.symbol, score)


def instead(result: CheckResult) -> str:
    """What there is to say instead of the tests' results, if there are none."""
    if result.problem or result.attempted:
        return result.problem
    if result.absent:
        return f"{result.absent}: write it in its cell, run that cell, then run this one again."
    return (
        f"`{result.exercise}` still raises its `NotImplementedError`. Replace that line with your code, run the cell, "
        f"then run this one again: {count(len(result.cases))} will tell you how it goes."
    )


def count(number: int) -> str:
    """``number`` of tests."""
    return f"{number} test{'' if number == 1 else 's'}"


def others(cases: Sequence[Case]) -> str:
    """Which tests fail for a cause that was told already."""
    names = ", ".join(f"“{readable(case.test.name)}”" for case in cases)
    return f"The same stops {count(len(cases))} more: {names}." if len(cases) > 1 else f"The same stops {names}."


def gist(evidence: Evidence) -> str:
    """A line for the rest to unfold from."""
    return evidence.error.partition("\n")[0][:160] or " ".join(evidence.facts[:2]) or "What was seen"


def route(evidence: Evidence) -> str:
    """Where the error passed through."""
    return " → ".join(f"{frame.function}, line {frame.line}" for frame in evidence.frames)


def gate_words(result: CheckResult) -> str:
    """What a gate is worth."""
    return f"gate: without it {result.gate_credit:.0%} of the points at most"


def source_remarks(result: CheckResult) -> list[str]:
    """What the source alone tells."""
    asks = {"call": "this exercise asks you to do without", "interpreter": "grading does not allow"}
    return [
        f"Line {found.line} uses `{found.name}`, which {asks[found.kind]}: `{found.text}`"
        for found in result.findings
        if found.kind in asks
    ]


def foot(result: CheckResult) -> str:
    """Where the tests are, and what they are not."""
    return f"`{result.suite}`, {result.seconds:.2f} s. Grading runs more tests like these, on other inputs."
