"""nbgrader's feedback pages, made on all cores."""

import functools
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from autograder.course.assignment import Assignment
from autograder.grading.local import available_cores, die_with_parent
from autograder.nbgrader.converters import GenerateFeedbackForSome, convert, course_directory
from autograder.nbgrader.patches import one_gradebook, pages_parsed_once

SHARE = 8  # students whose pages a process makes at a time


def make_feedback(assignment: Assignment, students: Collection[str], progress: Callable[[str], None]) -> None:
    """Make nbgrader's feedback pages of some students and tell ``progress`` of each. They only read the gradebook."""
    students = list(students)
    shares = [students[first : first + SHARE] for first in range(0, len(students), SHARE)]
    left = dict.fromkeys(students)
    # Forked from here, where all is imported and, by now, no thread but this one runs.
    with ProcessPoolExecutor(available_cores(), get_context("fork"), die_with_parent) as pool:
        try:
            for share in pool.map(functools.partial(_pages, assignment), shares):
                for student in share:
                    progress(student)
                    del left[student]
        except BrokenProcessPool:  # one was killed: its pages, and those that wait, are made here
            for student in _pages(assignment, list(left)):
                progress(student)


def _pages(assignment: Assignment, students: list[str]) -> list[str]:
    with one_gradebook(assignment.root), pages_parsed_once():
        course = course_directory(assignment.root, assignment.name)
        convert(GenerateFeedbackForSome, course, force=True, students=students)
    return students
