"""Where submissions are graded: the one interface that this machine's cores stand behind, or a cluster would."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from autograder.course.assignment import Assignment
from autograder.course.report import Report
from autograder.grading.task import Task


class Executor(ABC):
    """Runs tasks somewhere. To grade on a cluster, write one of these and let the command line choose it.

    `autograder.grading.retries.grade_here` grades one task in the process that calls it; an executor brings tasks
    to such processes, and their reports back.
    """

    @abstractmethod
    def run_tasks(
        self,
        assignment: Assignment,
        tasks: Iterable[Task],
        finish: Callable[[Task, Report], None],
        before_grading: Callable[[], None] = lambda: None,
    ) -> None:
        """Grade ``tasks`` and tell ``finish`` of each as it is done, in whatever order, in this thread.

        Nothing is started when there is no task. ``before_grading`` is called once, before anything is graded and while
        what grades is starting. A task whose grading fails through no fault of its submission ends in a `fault_report`.
        Raises `JailError` when nothing can be jailed.
        """
