"""nbgrader's feedback pages, made on all cores."""

import functools
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from autograder.course.assignment import Assignment
from autograder.grading.local import available_cores, die_with_parent
from autograder.nbgrader.converters import GenerateFeedbackForSome, convert, course_directory
from autograder.nbgrader.patches import one_gradebook, pages_made_once


def make_feedback(assignment: Assignment, students: Collection[str], progress: Callable[[str], None]) -> None:
    """Make nbgrader's feedback pages of some students and tell ``progress`` of each. They only read the gradebook."""
    students, cores = list(students), available_cores()
    # Two shares a core: each opens the gradebook anew, which takes as long as some pages.
    shares = [share for first in range(2 * cores) if (share := students[first :: 2 * cores])]
    left = dict.fromkeys(students)
    # Forked from here, where all is imported and, by now, no thread but this one runs.
    with ProcessPoolExecutor(cores, get_context("fork"), die_with_parent) as pool:
        try:
            for share in pool.map(functools.partial(_pages, assignment), shares):
                for student in share:
                    progress(student)
                    del left[student]
        except BrokenProcessPool:  # one was killed: its pages, and those that wait, are made here
            for student in _pages(assignment, list(left)):
                progress(student)


def _pages(assignment: Assignment, students: list[str]) -> list[str]:
    with one_gradebook(assignment.root), pages_made_once():
        course = course_directory(assignment.root, assignment.name)
        convert(GenerateFeedbackForSome, course, force=True, students=students)
    return students
