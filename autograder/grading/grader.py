"""Grades submissions of one assignment through the store: what is stored is taken from there, the rest is graded.

Nothing here imports PyTorch before a submission has to be graded: a second run takes all from the store at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.assignment import Assignment
from autograder.course.attention import Attention, about_submission
from autograder.course.report import Report
from autograder.course.submission import Submission, read_submission
from autograder.grading import keys
from autograder.grading.executor import Executor
from autograder.grading.retries import grade_here
from autograder.grading.store import SUBMISSION, Latest, Store
from autograder.grading.task import Task


@dataclass(frozen=True)
class Graded:
    """One submission's report, whether the store had it, what the student's latest was before, and what to look at."""

    report: Report
    cached: bool
    before: Latest | None
    decided_by: dict[str, str]
    attention: tuple[Attention, ...] = ()

    @property
    def why(self) -> str:
        """What changed since the student's last report, in words; empty when nothing is known to have."""
        known = self.before.decided_by if self.before else {}
        parts = [part for part in (*self.decided_by, *known) if known and known.get(part) != self.decided_by.get(part)]
        return " and ".join(dict.fromkeys(parts))

    @property
    def moved(self) -> bool:
        """Whether a grade that had been given is now another."""
        now = self.report.score, self.report.verdict
        return self.before is not None and (self.before.score, self.before.verdict) != now


class Grader:
    """Grades submissions of one assignment, through the store. ``seed`` is that of the hidden tests."""

    def __init__(self, assignment: Assignment, store: Store | None = None) -> None:
        self.assignment = assignment
        self.store = store or Store(assignment.root)
        # What is missing says here in a sentence what to do, and not in the processes that grade.
        _ = assignment.released_notebook, [assignment.suite(name) for name in assignment.exercises]
        self.seed = keys.assignment_seed(keys.course_secret(assignment.root), assignment.name)
        self._parts = keys.deciding_parts(assignment)
        self._decided = keys.digest_of(self._parts)

    def key(self, submission: Submission) -> str:
        """What the report of ``submission`` is stored under."""
        return keys.report_key(self._decided, submission, self.seed)

    def grade_one(self, submission: Submission) -> Report:
        """The report of one submission, graded in this process if need be."""
        report = self.store.get(self.key(submission)) or self.regrade(submission)
        self.store.put(report, self._decided_by(submission))
        return report

    def _decided_by(self, submission: Submission) -> dict[str, str]:
        return {SUBMISSION: submission.digest, **self._parts}

    def regrade(self, submission: Submission) -> Report:
        """The report of one submission, graded now whatever the store holds, and not stored."""
        return grade_here(self.assignment, Task(submission, self.seed, self.key(submission)))

    def grade_class(
        self,
        submissions: Iterable[tuple[str, Path]],
        executor: Executor,
        progress: Callable[[Graded], None] = lambda _: None,
        before_grading: Callable[[], None] = lambda: None,
    ) -> list[Graded]:
        """Grade ``(student, folder)`` pairs, in the order of students.

        The reports returned are outlines; whole ones are in the store. ``progress`` is told of each, with its whole
        report, as it is done; ``before_grading`` is called before the first that is graded now, while ``executor``
        starts. Raises `JailError` when nothing can be jailed.
        """
        done: dict[str, Graded] = {}

        def finish(submission: Submission, report: Report, cached: bool) -> None:
            decided_by = self._decided_by(submission)
            attention = tuple(about_submission(self.assignment, submission))
            one = Graded(report, cached, self.store.put(report, decided_by), decided_by, attention)
            progress(one)
            done[report.student] = replace(one, report=report.outline())

        def to_grade() -> Iterator[Task]:
            for student, folder in submissions:
                submission = read_submission(folder, student, self.assignment.name)
                key = self.key(submission)
                if (report := self.store.get(key)) is not None:
                    finish(submission, report, cached=True)
                else:
                    yield Task(submission, self.seed, key)

        def finish_task(task: Task, report: Report) -> None:
            finish(task.submission, report, cached=False)

        executor.run_tasks(self.assignment, to_grade(), finish_task, before_grading)
        return [done[student] for student in sorted(done)]
