"""What a notebook's ``check("conv2d")`` does: runs the visible tests here and shows what they found.

    from autograder.check import check
    check("conv2d")

It finds the assignment in the notebook's folder (``assignment.toml`` and ``tests/test_<exercise>.py``) and the
functions in the notebook's own variables. It never raises and writes nothing to stderr, so that the cells after it
run; whatever goes wrong is a sentence in the result. It runs beside the student's code, so it proves nothing, and
inputs and answers are shown; nothing of it goes into a report.
"""

from autograder.check.run import check, examine

__all__ = ["check", "examine"]
