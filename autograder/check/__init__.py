"""What a notebook's ``check("conv2d")`` does: runs the visible tests here and shows what they found.

    from autograder.check import check
    check("conv2d")  # one exercise
    check()          # all of them, with their points

It finds the assignment in the notebook's folder (``assignment.toml`` and ``tests/test_<exercise>.py``) and the
functions in the notebook's own variables. It follows the runs of cells from its import on, and tests no function whose
cell failed since. It never raises and writes nothing to stderr, so that the cells after it run; whatever goes wrong is
a sentence in the result. A call is stopped when it takes longer than the manifest allows. It runs beside the student's
code, so it proves nothing, and inputs and answers are shown; nothing of it goes into a report.
"""

from autograder.check.run import check, examine, examine_all

__all__ = ["check", "examine", "examine_all"]
