"""What a check found, as data. `page` and `text` show it."""

from dataclasses import dataclass

from autograder.check.pictures import Slice
from autograder.course.report import TestResult
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


@dataclass(frozen=True)
class Evidence:
    """What was seen when a test failed, in the parts that both the page and the text are made of.

    Evidence with the same ``cause``, if there is one, is told once.
    """

    facts: tuple[str, ...] = ()
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
    """One test with all there is to say about it. ``source`` is its own text, ``failed_line`` the line that failed."""

    test: TestResult
    evidence: Evidence = Evidence()
    measurements: tuple[Measurement, ...] = ()
    source: Lines = ()
    failed_line: int | None = None

    @property
    def passed(self) -> bool:
        """Whether the test passes."""
        return self.test.verdict is Verdict.PASSED

    @property
    def failed_source(self) -> str:
        """The text of the line that failed."""
        return next((line.strip() for number, line in self.source if number == self.failed_line), "")


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    ``problem`` is the sentence that there is instead of results when the tests could not be run, and ``absent`` the one
    on a function that the tests call and the notebook does not have.
    """

    exercise: str
    title: str = ""
    cases: tuple[Case, ...] = ()
    findings: tuple[Finding, ...] = ()
    printed: str = ""
    gate_credit: float = 1.0
    suite: str = ""
    seconds: float = 0.0
    problem: str = ""
    absent: str = ""

    @property
    def tests(self) -> tuple[TestResult, ...]:
        """The results of the tests, in the suite's order."""
        return tuple(case.test for case in self.cases)

    @property
    def verdict(self) -> Verdict:
        """What the tests say together; ``fault`` when they could not be run."""
        return Verdict.FAULT if self.problem else worst(test.verdict for test in self.tests)

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
