"""Sentences that the page and the text of a result share."""

from collections.abc import Sequence
from typing import NamedTuple

from autograder.check.cells import Stale
from autograder.check.result import Case, CheckResult, Evidence, Frame, Overview
from autograder.course.text import amount, counted, readable
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
    if passed == total and result.forbidden:
        return Headline("bad", Verdict.FORBIDDEN.symbol, "the values are right, and it uses what is not allowed here")
    if passed == total:
        words = "the test passes" if total == 1 else f"all {total} tests pass"
        return Headline(Verdict.PASSED.role, Verdict.PASSED.symbol, words)
    score = f"{passed} of {counted(total, 'test')} pass" + ("es" if total == 1 else "")
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
        f"then run this one again: {counted(len(result.cases), 'test')} will tell you how it goes."
    )


def others(cases: Sequence[Case]) -> str:
    """Which tests fail for a cause that was told already."""
    names = ", ".join(f"“{readable(case.test.name)}”" for case in cases)
    return (
        f"The same stops {counted(len(cases), 'test')} more: {names}." if len(cases) > 1 else f"The same stops {names}."
    )


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
    asks = {"call": "this exercise asks you to do without", "counter": "grading does not allow"}
    return [
        f"Line {found.line} uses `{found.name}`, which {asks[found.kind]}: `{found.text}`"
        for found in result.findings
        if found.kind in asks
    ]


def foot(result: CheckResult) -> str:
    """Where the tests are, what was tested, and what the tests are not."""
    tested = f" Tested: `{result.exercise}` as cell [{result.origin}] defined it." if result.origin is not None else ""
    return f"`{result.suite}`, {result.seconds:.2f} s.{tested} Grading runs more tests like these, on other inputs."


def stale(exercise: str, old: Stale) -> str:
    """Why the function of an exercise was not tested: it is not what the notebook's cell says."""
    uses = "" if old.name == exercise else f", which `{exercise}` uses"
    before = f"it was defined in [{old.before.number}]" if old.before is not None else "an earlier run defined it"
    run = old.run
    if not run.error:
        return (
            f"Nothing was tested: cell [{run.number}] no longer defines `{old.name}`{uses}, and what is left is "
            f"as {before}. Run the cell that defines it now, then run this one again."
        )
    where = f" (line {run.line}: `{run.line_text}`)" if run.line_text else ""
    left = f"is still as {before}" if old.exists else "does not exist"
    return (
        f"Nothing was tested, for cell [{run.number}] failed: {run.error}{where}. "
        f"So `{old.name}`{uses}{',' if uses else ''} {left}. Mend that cell and run it, then run this one again."
    )


def interrupted(test: str, frames: Sequence[Frame]) -> str:
    """Where a check was when somebody interrupted it."""
    during = f" in the test “{readable(test)}”" if test else ""
    line = f" It was in line {frames[-1].line} of `{frames[-1].function}`: `{frames[-1].text}`." if frames else ""
    return f"The check was interrupted{during} before it was done.{line}"


# --- a check of everything -----------------------------------------------------------------------------------------


def standing(overview: Overview) -> str:
    """How many points the visible tests give, and what else there is to earn."""
    read = f", and up to {amount(overview.points_read)} more when a person has read your answers"
    more = read if overview.written else ""
    return f"{amount(overview.score)} of {counted(overview.points, 'point')} by the tests that you have{more}"


def standing_role(overview: Overview) -> str:
    """The colour of it."""
    if overview.score == overview.points:
        return Verdict.PASSED.role
    return "part" if overview.score else Verdict.MISSING.role


def row(result: CheckResult) -> str:
    """What there is to say of one exercise beside its title."""
    if result.problem:
        return result.problem
    words = headline(result).words
    failing = [f"“{readable(case.test.name)}”" for case in result.cases if not case.passed]
    if not failing or not result.attempted:
        return words
    return f"{words}; not {', '.join(failing[:3])}{f' and {len(failing) - 3} more' if len(failing) > 3 else ''}"


READ_BY_A_PERSON = "read and graded by a person"
OVERVIEW_FOOT = (
    "The hidden tests decide the grade: more tests like these, on other inputs. "
    '`check("…")` with the name of an exercise says what to look for. '
    "Grading runs your saved notebook from top to bottom in a new kernel: "
    "before you hand in, restart the kernel, run all cells, look here again, and save."
)
