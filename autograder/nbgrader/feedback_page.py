"""A report as a page for the student, and one exercise of it as a fragment for the graded notebook.

Both are complete in themselves: no script, no request, nothing of a hidden test but the sentence that it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from autograder.course.manifest import Manifest
from autograder.course.report import ExerciseResult, Report, TestResult, UnusualLine
from autograder.course.text import amount, plain, readable, sentence
from autograder.course.verdict import Verdict
from autograder.nbgrader.standing import Given, Standing
from autograder.pages.templates import render

NOTHING = Given(0.0)  # where nobody gave anything by hand


@dataclass(frozen=True)
class _Exercise:
    """An exercise's result with the words for it, and what the gradebook says of it, if that is known."""

    result: ExerciseResult
    title: str
    given: Given = NOTHING
    hint: str = ""

    @property
    def symbol(self) -> str:
        return "◐" if self._partly else self.result.verdict.symbol

    @property
    def role(self) -> str:
        return "part" if self._partly else self.result.verdict.role

    @property
    def score(self) -> float:
        return self.result.score if self.given.by_hand is None else self.given.by_hand

    @property
    def _partly(self) -> bool:
        return 0 < self.score < self.result.max_score

    @property
    def points(self) -> str:
        return f"{amount(self.score)} of {amount(self.result.max_score)}"

    @property
    def tests(self) -> tuple[TestResult, ...]:
        """The tests that have something to say: none where they found nothing to test."""
        tests = self.result.tests
        return () if all(test.verdict is Verdict.MISSING for test in tests) else tests

    @property
    def failed(self) -> list[TestResult]:
        return [test for test in self.tests if test.verdict is not Verdict.PASSED]

    @property
    def passed(self) -> list[TestResult]:
        return [test for test in self.tests if test.verdict is Verdict.PASSED]

    def worth(self, test: TestResult) -> str:
        """The exercise's points that hang on one test: a suite weighs its tests in units of its own."""
        if test.gate:
            return "gate"
        total = sum(each.points for each in self.result.tests if not each.gate)
        points = amount(self.result.max_score * test.points / total) if total else "0"
        return f"{points} point{'' if points == '1' else 's'}"


@dataclass(frozen=True)
class _Written:
    """A question that a person grades, and what the gradebook says of it, if that is known."""

    title: str
    max_score: float
    given: Given | None

    @property
    def points(self) -> str:
        known = self.given is not None and not self.waits
        return f"{amount(self.given.score)} of {amount(self.max_score)}" if known else f"of {amount(self.max_score)}"

    @property
    def waits(self) -> bool:
        return self.given is not None and self.given.to_be_read and self.given.by_hand is None

    @property
    def about(self) -> str:
        if self.given is None:
            return "A person reads and grades this question; its points are not in the score above."
        if self.waits:
            return "A person will read and grade this question; its points are not in the score above yet."
        return "Read and graded by a person." if self.given.by_hand is not None else "There is no answer to read."


def page(
    report: Report,
    manifest: Manifest,
    graded_at: datetime,
    standing: Standing | None = None,
    hints: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The feedback on one submission as one HTML page, with the hint for each exercise that has one.

    ``standing`` is what the gradebook says of it: scores and comments by hand, and what being late costs. Without it
    the page tells of the report alone.
    """
    dates = {"Graded": graded_at, "Due": manifest.due}
    whole = all(each.verdict is report.verdict for each in report.exercises) and not report.verdict.told_by_tests
    given = standing.exercises if standing else {}
    written = [
        _Written(exercise.title, exercise.points, given.get(name))
        for name, exercise in manifest.exercise.items()
        if exercise.kind == "written"
    ]
    if standing is None:
        score, max_score, of_what = report.score, report.max_score, "for the exercises"
    else:
        score, max_score = standing.score, sum(exercise.points for exercise in manifest.exercise.values())
        of_what = "so far" if any(each.waits for each in written) else ""
    return render(
        "nbgrader/feedback_page.html",
        report=report,
        title=manifest.title,
        dates={name: when.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC") for name, when in dates.items()},
        score=score,
        max_score=max_score,
        of_what=of_what,
        share=min(1.0, max(0.0, score / max_score)) if max_score else 0.0,
        notes=[_lateness(standing, manifest), sentence(report.verdict.meaning) if whole else ""],
        exercises=[
            _Exercise(
                result,
                manifest.exercise[result.name].title,
                given.get(result.name, NOTHING),
                hints.get(result.name, ""),
            )
            for result in report.exercises
        ],
        written=written,
    )


def _lateness(standing: Standing | None, manifest: Manifest) -> str:
    """How late the submission was and what that costs, in words; empty when it was not."""
    if standing is None or standing.seconds_late <= 0:
        return ""
    return (
        f"Handed in {standing.seconds_late / 3600:.1f} hours after the due time: "
        f"{manifest.share_lost(standing.seconds_late):.0%} off, which is {amount(standing.penalty)} points."
    )


def summary_html(result: ExerciseResult, title: str) -> str:
    """One exercise as a small HTML fragment that looks the same in formgrader, nbgrader's feedback and JupyterLab."""
    return render("nbgrader/summary.html", exercise=_Exercise(result, title))


def review_html(lines: Sequence[UnusualLine]) -> str:
    """The lines of a submission that are not plain code as an HTML fragment, for a markdown cell of its notebook."""
    return render("nbgrader/review.html", lines=lines)


def summary_text(result: ExerciseResult, title: str) -> str:
    """The same as plain text."""
    exercise = _Exercise(result, title)
    verdict = result.verdict
    lines = [f"{exercise.symbol} {plain(title, 200)}: {exercise.points} points, {verdict.word}: {verdict.meaning}"]
    for test in exercise.tests:
        lines.append(f"  {test.verdict.symbol} {plain(readable(test.name), 200)} ({exercise.worth(test)})")
        if test.verdict is not Verdict.PASSED:
            lines += [f"      {plain(sentence(text))}" for text in (test.message, test.detail) if text]
    return "\n".join([*lines, *(f"  {plain(remark)}" for remark in result.remarks)])
