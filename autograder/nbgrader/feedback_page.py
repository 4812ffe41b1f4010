"""A report as a page for the student, and one exercise of it as a fragment for the graded notebook.

Both are complete in themselves: no script, no request, nothing of a hidden test but the sentence that it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from autograder.course.manifest import Manifest
from autograder.course.report import ExerciseResult, Report, TestResult, UnusualLine
from autograder.course.text import amount, plain, readable, sentence
from autograder.course.verdict import Verdict
from autograder.pages.templates import render


@dataclass(frozen=True)
class _Exercise:
    """An exercise's result with the words for it."""

    result: ExerciseResult
    title: str

    @property
    def symbol(self) -> str:
        return "◐" if self._partly else self.result.verdict.symbol

    @property
    def role(self) -> str:
        return "part" if self._partly else self.result.verdict.role

    @property
    def _partly(self) -> bool:
        return 0 < self.result.score < self.result.max_score

    @property
    def points(self) -> str:
        return f"{amount(self.result.score)} of {amount(self.result.max_score)}"

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


def page(report: Report, manifest: Manifest, graded_at: datetime, late: str | None) -> str:
    """The feedback on one submission as one HTML page; ``late`` is a sentence on lateness and what it costs, if any."""
    dates = {"Graded": graded_at, "Due": manifest.due}
    whole = all(each.verdict is report.verdict for each in report.exercises) and not report.verdict.told_by_tests
    return render(
        "nbgrader/feedback_page.html",
        report=report,
        title=manifest.title,
        dates={name: when.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC") for name, when in dates.items()},
        share=min(1.0, max(0.0, report.score / report.max_score)) if report.max_score else 0.0,
        notes=[late, sentence(report.verdict.meaning) if whole else ""],
        exercises=[_Exercise(result, manifest.exercise[result.name].title) for result in report.exercises],
        written=[exercise for exercise in manifest.exercise.values() if exercise.kind == "written"],
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
