"""Hints for known mistakes: what a student reads whose tests fail just as those of a wrong variant do.

``solutions/<assignment>/hints.json`` says by exercise which tests the known mistakes fail; `autograder hints` makes it
from the wrong variants. A hint is the author's sentence, and that the tests failed the student knows: nothing hidden is
told.
"""

import json
from collections.abc import Mapping, Sequence

from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.course.report import ExerciseResult, Report
from autograder.course.verdict import Verdict

FILE = "hints.json"
MOST = 3  # mistakes that fail alike; of more none is told, for the tests' own sentences say as much
Hints = Mapping[str, Mapping[frozenset[str], Sequence[str]]]  # by exercise and by the tests that fail


def read_hints(assignment: Assignment) -> Hints:
    """The hints of an assignment; none where there is no file. Raises `AssignmentError` for one that cannot be read."""
    path = assignment.source / FILE
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {frozenset(each["fails"]): tuple(each["hints"]) for each in found} for name, found in data.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        where = path.relative_to(assignment.root)
        raise AssignmentError(f"{where} cannot be read; run `autograder hints {assignment.name}`") from error


def failed_tests(result: ExerciseResult) -> frozenset[str]:
    """The names of the tests that fail, gates among them."""
    return frozenset(test.name for test in result.tests if test.verdict is not Verdict.PASSED)


def hints_for(hints: Hints, report: Report) -> dict[str, str]:
    """For each exercise whose tests fail as those of known mistakes do, what these are, in words."""
    told = {}
    for result in report.exercises:
        found = hints.get(result.name, {}).get(failed_tests(result), ())
        if 0 < len(found) <= MOST and any(test.verdict is Verdict.PASSED for test in result.tests):
            several = "Known mistakes that fail just these tests: " if len(found) > 1 else ""
            told[result.name] = (several or "A known mistake fails just these tests: ") + " Or: ".join(found)
    return told
