"""Verdicts: the closed set of things that can be said of a test, an exercise or a submission, in one table."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A verdict and everything that follows from it. A new one is a row here and nothing else.

    The rows stand in the order of precedence. When tests of one exercise fail in different ways, the exercise is named
    after the verdict that stands first: what stopped the code from running explains more than what it then got wrong,
    and a wrong value matters before how it was computed.

    ``meaning`` is the sentence that explains it, ``word`` how a list of tests calls it. ``symbol`` and ``role`` show
    it: the role is a colour of `autograder.pages.theme`. ``told_by_tests`` says that the tests of an exercise explain
    it; any other verdict, where all exercises share it, is about the file as a whole. ``voids_points`` says that one
    test with it takes all points of its exercise.
    """

    meaning: str
    word: str
    symbol: str
    role: str
    told_by_tests: bool
    voids_points: bool

    FAULT = "fault", "the grader failed, not the submission; it will be graded again", "not tested", "!", "part"
    UNREADABLE = "unreadable", "the file could not be read as a notebook", "unreadable"
    TAMPERED = "tampered", "it interfered with the measurement", "tampered", "✗", "bad", False, True
    MEMORY = "memory", "it used more memory than allowed", "out of memory"
    OUTPUT = "output", "it printed more than allowed", "output"
    TIMEOUT = "timeout", "it took longer than allowed", "too slow"
    MISSING = "missing", "there is nothing to grade yet", "not written yet", "○", "calm"
    ERROR = "error", "the code raised an error or its process ended", "error", "✗", "bad", True
    WRONG = "wrong", "it ran, and a value, shape or type was not the right one", "failed", "✗", "bad", True
    FORBIDDEN = (
        "forbidden", "it used an operator that the exercise asks to do without", "not allowed here", "✗", "bad", True
    )  # fmt: skip
    LOOPS = "loops", "its work grows with the input, so there is a loop", "it loops", "✗", "bad", True
    PASSED = "passed", "everything asked for is right", "passed", "✓", "good", True

    def __new__(
        cls,
        value: str,
        meaning: str,
        word: str,
        symbol: str = "✗",
        role: str = "bad",
        told_by_tests: bool = False,
        voids_points: bool = False,
    ) -> "Verdict":
        """A row of the table."""
        verdict = str.__new__(cls, value)
        verdict._value_ = value
        verdict.meaning, verdict.word, verdict.symbol, verdict.role = meaning, word, symbol, role
        verdict.told_by_tests, verdict.voids_points = told_by_tests, voids_points
        return verdict


_PRECEDENCE = {verdict: place for place, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that names a group of verdicts: the one that stands first in the table; ``passed`` for none."""
    return min(verdicts, key=_PRECEDENCE.__getitem__, default=Verdict.PASSED)
