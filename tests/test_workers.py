"""The processes that grade end without a word when the grader needs them no more."""

import contextlib

import pytest

from autograder.course.submission import Cell, Submission
from autograder.grading.local import _start_fork_server, _Worker
from autograder.grading.task import Task
from autograder.jail.bubblewrap import Zygote
from tests.conftest import A1

PATIENCE = 120  # seconds that a worker may take to start and to answer


@pytest.fixture
def workers():
    """Starts a worker for a course; all are stopped at the end."""
    with contextlib.ExitStack() as stack:
        zygote = Zygote()
        stack.callback(zygote.stop)
        _start_fork_server()
        zygote.ready()

        def start(root):
            worker = _Worker(root, A1, zygote.control)
            stack.callback(worker.stop)
            return worker

        yield start


@pytest.mark.parametrize("suite", ["whole", "broken"])
def test_a_worker_whose_answer_nobody_reads_ends_well(workers, make_course, suite):
    """Linux resets a pipe that is closed with something unread in it, as the answer of the second of two workers is
    when the first one has said that the hidden suite cannot be read."""
    root = make_course()
    if suite == "broken":
        (root / "solutions" / A1 / "hidden" / "test_conv2d.py").write_text("def (:\n")
    worker = workers(root)
    submission = Submission("ada", A1, root / "solutions" / A1, (Cell("code", "x = 1"),), digest="ada")
    worker.give(Task(submission, 1, "ada"))
    assert worker.pipe.poll(PATIENCE)
    worker.pipe.close()
    worker.process.join(PATIENCE)
    assert worker.process.exitcode == 0
