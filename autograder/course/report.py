"""What grading found: results of tests and exercises, and the report of one submission.

A report is data alone. It is what the store keeps, what ``--json`` prints, and what the gradebook and the feedback page
are made from. It holds nothing that does not decide a grade: titles and dates are the manifest's.
"""

from pydantic import BaseModel, ConfigDict, Field

from autograder.course.verdict import Verdict

SCHEMA_VERSION = 3


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TestResult(_Record):
    """One test of a suite.

    ``message`` is the sentence that the test's docstring says; ``detail`` is what was seen. In a report of the grader
    neither holds a hidden input or expected value.
    """

    __test__ = False  # pytest would otherwise take the name for a test class

    name: str
    verdict: Verdict
    points: float
    gate: bool = False
    message: str = ""
    detail: str = ""
    duration: float = Field(0.0, description="seconds")


class ExerciseResult(_Record):
    """One exercise: its score is the share of points passed, of which a failed gate keeps only the stated credit."""

    name: str
    score: float
    max_score: float
    verdict: Verdict
    tests: tuple[TestResult, ...] = ()
    remarks: tuple[str, ...] = ()


class UnusualLine(_Record):
    """A line of code that is not plain, for the instructor to look at: ``cell`` counts from 1 in the notebook.

    No points are lost for it. The rules are counted in the process that runs the code, and such code could reach there.
    """

    cell: int
    line: int
    text: str
    why: str


class Report(_Record):
    """The result of grading one submission. ``score`` and ``max_score`` are those of the machine-graded exercises."""

    schema_version: int = SCHEMA_VERSION
    assignment: str
    student: str
    score: float
    max_score: float
    verdict: Verdict
    exercises: tuple[ExerciseResult, ...]
    remarks: tuple[str, ...] = ()
    review: tuple[UnusualLine, ...] = Field((), description="what is not plain in the code that ran")
    output: str = Field("", description="what the notebook's cells printed, clipped")
    seed: int
    key: str = ""
    durations: dict[str, float] = Field(default_factory=dict, description="seconds")

    def timeless(self) -> dict[str, object]:
        """The report as plain data without its durations: equal for two gradings that found the same."""
        tree = self.model_dump(mode="json", exclude={"durations": True})
        for exercise in tree["exercises"]:
            for test in exercise["tests"]:
                del test["duration"]
        return tree

    def outline(self) -> "Report":
        """The report without its tests and what was printed, for a table of a class, in a tenth of the memory."""
        exercises = tuple(result.model_copy(update={"tests": ()}) for result in self.exercises)
        return self.model_copy(update={"exercises": exercises, "output": ""})

    def exercise(self, name: str) -> ExerciseResult:
        """The result of one exercise. Raises ``KeyError`` when the report has none of that name."""
        for result in self.exercises:
            if result.name == name:
                return result
        raise KeyError(name)


def score_exercise(tests: list[TestResult], points: float, gate_credit: float) -> float:
    """Points earned: ``points`` × share of test points passed, × ``gate_credit`` if a gate failed; rounded to 1/100."""
    weights = [test for test in tests if not test.gate]
    total = sum(test.points for test in weights)
    if total == 0 or any(test.verdict.voids_points for test in tests):
        return 0.0
    share = sum(test.points for test in weights if test.verdict is Verdict.PASSED) / total
    held = all(test.verdict is Verdict.PASSED for test in tests if test.gate)
    return round(points * share * (1.0 if held else gate_credit), 2)
