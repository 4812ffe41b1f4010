"""What a check found, as data. `page` and `text` show it."""

from dataclasses import dataclass

from autograder.check.pictures import Slice
from autograder.course.report import TestResult, score_exercise
from autograder.course.verdict import Verdict, worst
from autograder.measure.source_rules import Finding
from autograder.suite.loops import Measurement

Lines = tuple[tuple[int, str], ...]  # with their numbers


@dataclass(frozen=True)
class Frame:
    """One line of the student's that an error passed through, with the lines around it."""

    function: str
    line: int
    context: Lines

    @property
    def text(self) -> str:
        """The text of the line."""
        return next((text.strip() for number, text in self.context if number == self.line), "")


@dataclass(frozen=True)
class Evidence:
    """What was seen when a test failed, in the parts that both the page and the text are made of.

    ``call`` is the call that the test made last. Evidence with the same ``cause``, if there is one, is told once.
    """

    facts: tuple[str, ...] = ()
    call: str = ""
    expected: str = ""
    got: str = ""
    index: tuple[int, ...] | None = None
    clue: str = ""
    slice: Slice | None = None
    error: str = ""
    frames: tuple[Frame, ...] = ()
    measured: Measurement | None = None
    cause: tuple[object, ...] = ()


@dataclass(frozen=True)
class Case:
    """One test with all there is to say about it.

    ``source`` is its own text, ``failed_line`` the line that failed and ``call_line`` that of its last call.
    """

    test: TestResult
    evidence: Evidence = Evidence()
    measurements: tuple[Measurement, ...] = ()
    source: Lines = ()
    failed_line: int | None = None
    call_line: int | None = None

    @property
    def passed(self) -> bool:
        """Whether the test passes."""
        return self.test.verdict is Verdict.PASSED

    @property
    def shown_line(self) -> int | None:
        """The number of the line to point at: that which failed, or the call, where it failed in words about that."""
        if self._text(self.failed_line).startswith(("raise ", "with pytest.", "pytest.fail(")):
            return self.call_line
        return self.failed_line

    @property
    def shown_source(self) -> str:
        """The text of the line to point at."""
        return self._text(self.shown_line)

    def _text(self, wanted: int | None) -> str:
        return next((line.strip() for number, line in self.source if number == wanted), "")


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    ``problem`` is the sentence that there is instead of results when the tests could not be run, and ``absent`` the one
    on a function that the tests call and the notebook does not have. ``origin`` is the number of the cell's run that
    defined the function that was tested, if it is known.
    """

    exercise: str
    title: str = ""
    cases: tuple[Case, ...] = ()
    findings: tuple[Finding, ...] = ()
    printed: str = ""
    points: float = 0.0
    gate_credit: float = 1.0
    suite: str = ""
    seconds: float = 0.0
    problem: str = ""
    absent: str = ""
    origin: int | None = None
    interrupted: bool = False

    @property
    def tests(self) -> tuple[TestResult, ...]:
        """The results of the tests, in the suite's order."""
        return tuple(case.test for case in self.cases)

    @property
    def verdict(self) -> Verdict:
        """What the tests say together; ``fault`` when they could not be run."""
        return Verdict.FAULT if self.problem else worst(test.verdict for test in self.tests)

    @property
    def forbidden(self) -> bool:
        """Whether the source uses a name for which grading gives nothing: a forbidden one, or one of the counter's."""
        return any(found.kind in ("call", "counter") for found in self.findings)

    @property
    def score(self) -> float:
        """The points that the visible tests alone would give."""
        return 0.0 if self.forbidden else score_exercise(list(self.tests), self.points, self.gate_credit)

    @property
    def passing(self) -> tuple[Case, ...]:
        """The tests that pass."""
        return tuple(case for case in self.cases if case.passed)

    @property
    def attempted(self) -> bool:
        """Whether there is something to test: a function that does more than the stub."""
        return any(test.verdict is not Verdict.MISSING for test in self.tests)

    @property
    def groups(self) -> list[tuple[Case, list[Case]]]:
        """The tests that do not pass, each with those after it that have the same cause."""
        groups: list[tuple[Case, list[Case]]] = []
        for case in self.cases:
            if case.passed:
                continue
            cause = case.evidence.cause
            same = next((others for first, others in groups if cause and first.evidence.cause == cause), None)
            if same is None:
                groups.append((case, []))
            else:
                same.append(case)
        return groups


@dataclass(frozen=True)
class Overview:
    """What a check of everything found. ``written`` are the titles and points of the questions that a person reads.

    ``problem`` is the sentence that there is instead when the assignment cannot be read.
    """

    title: str = ""
    results: tuple[CheckResult, ...] = ()
    written: tuple[tuple[str, float], ...] = ()
    problem: str = ""

    @property
    def score(self) -> float:
        """The points that the visible tests alone would give."""
        return round(sum(result.score for result in self.results), 2)

    @property
    def points(self) -> float:
        """The points of the exercises that tests grade."""
        return sum(result.points for result in self.results)

    @property
    def points_read(self) -> float:
        """The points of the questions that a person reads."""
        return sum(points for _, points in self.written)
