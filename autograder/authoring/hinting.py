"""Makes the hints of an assignment from its wrong variants: which tests each of them fails."""

import json
from collections.abc import Callable, Iterable, Iterator

from autograder.authoring import variants
from autograder.course import files
from autograder.course.assignment import Assignment
from autograder.course.hints import FILE, failed_tests
from autograder.course.report import Report
from autograder.course.submission import Cell, Submission
from autograder.grading.executor import Executor
from autograder.grading.task import Task


def make(
    assignment: Assignment,
    executor: Executor,
    seed: int,
    graded: Callable[[int, int], None] = lambda done, of: None,
) -> str:
    """Grade the wrong variants and write the hints that they give; the file's text. Raises `AssignmentError`."""
    wrong = [each for each in variants.read_variants(assignment) if each.kind == variants.WRONG]
    reports: dict[str, Report] = {}

    def finish(task: Task, report: Report) -> None:
        reports[task.key] = report
        graded(len(reports), len(wrong))

    tasks = []
    for each in wrong:
        cells = (Cell("code", each.path.read_text(encoding="utf-8")),)
        submission = Submission(each.name, assignment.name, assignment.source, cells, digest=each.name)
        tasks.append(Task(submission, seed, each.name, frozenset(each.verdicts)))
    executor.run_tasks(assignment, tasks, finish)
    text = text_of((each, reports[each.name]) for each in wrong)
    files.write_whole(assignment.source / FILE, text)
    return text


def text_of(graded: Iterable[tuple[variants.Variant, Report]]) -> str:
    """The text of ``hints.json``: by exercise the tests that fail, and the hints of the variants that fail them."""
    found: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for variant, report in graded:
        for name in variant.verdicts:
            hints = found.setdefault(name, {}).setdefault(tuple(sorted(failed_tests(report.exercise(name)))), [])
            if variant.hint not in hints:
                hints.append(variant.hint)
    data = {name: [{"fails": fails, "hints": hints} for fails, hints in sorted(found[name].items())] for name in found}
    return json.dumps(dict(sorted(data.items())), indent=1, ensure_ascii=False) + "\n"


def stale(assignment: Assignment, graded: Iterable[tuple[variants.Variant, Report]]) -> Iterator[str]:
    """What is wrong with the file, if it does not say what these wrong variants give for their exercises."""
    path, made = assignment.source / FILE, json.loads(text_of(graded))
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError:
        kept = {}
    gone = set(kept) - set(assignment.exercises)
    if not path.exists() or gone or any(kept.get(name) != made[name] for name in made):
        what = "is stale" if path.exists() else "is missing"
        yield f"{path.relative_to(assignment.root)} {what}; run `autograder hints {assignment.name}`"
