"""Grades one task in this process, and again when the grader itself failed: how often, and what is said in the end."""

import atexit
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError, in_a_sentence
from autograder.course.report import ExerciseResult, Report
from autograder.course.verdict import Verdict
from autograder.grading.task import Task
from autograder.jail.errors import JailError

if TYPE_CHECKING:
    from autograder.jail.supervisor import Supervisor


TRIES = 3  # of one submission, in one process or in one after another that ended


def grade_here(assignment: Assignment, task: Task) -> Report:
    """The report of one task, graded in this process.

    Raises `JailError` when nothing can be jailed, `AssignmentError` where no submission could be graded. Whatever else
    goes wrong is a fault of ours, and costs this one's grade alone.
    """
    from autograder.grading.grade import grade_submission
    from autograder.jail.sandbox import SupervisorError

    assignment = replace(assignment, suites=task.suites)
    why = ""
    for _ in range(TRIES):
        try:
            supervisor = process_supervisor()
            return grade_submission(assignment, task.submission, supervisor, task.seed, task.key, task.only)
        except (AssignmentError, JailError):
            raise
        except SupervisorError as error:
            why = str(error)
        except Exception as error:
            why = in_a_sentence(error)
    return fault_report(assignment, task, why)


_supervisor: "Supervisor | None" = None


def process_supervisor(control: socket.socket | None = None) -> "Supervisor":
    """This process's supervisor, started on first use and stopped when it ends; ``control`` is a running zygote's."""
    global _supervisor
    if _supervisor is None:
        import torch

        from autograder.jail.supervisor import Supervisor

        # The oracles' tensors are small: threads cost them time, and the other cores have workers of their own.
        torch.set_num_threads(1)
        _supervisor = Supervisor(control).__enter__()
        atexit.register(_supervisor.__exit__)
    return _supervisor


def fault_report(assignment: Assignment, task: Task, why: str) -> Report:
    """The report that says that we failed: it scores nothing, is never stored, and never reaches a gradebook."""
    return Report(
        assignment=assignment.name,
        student=task.submission.student,
        score=0.0,
        max_score=sum(e.points for e in assignment.exercises.values()),
        verdict=Verdict.FAULT,
        exercises=tuple(
            ExerciseResult(name=n, score=0.0, max_score=e.points, verdict=Verdict.FAULT)
            for n, e in assignment.exercises.items()
        ),
        remarks=(why,),
        seed=task.seed,
        key=task.key,
    )
