"""What other graders need to run our suites: the text of a suite, and a few lines that run its tests where it stands.

`hidden_score` is pasted by its source, so it imports what it needs itself and knows nothing of this file.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.course.assignment import Assignment

SEED = 20_230_211


def hidden_score(
    suite: Mapping[str, Callable[..., None]],
    namespace: Mapping[str, Any],
    forbidden: Sequence[str],
    points: float,
    gate_credit: float,
    seed: int,
) -> float:
    """The points that the functions in ``namespace`` earn by the tests in ``suite``."""
    import contextlib
    import inspect
    import io

    import torch

    from autograder.suite.student import LocalStudent

    torch.set_num_threads(1)
    total, earned, held = 0.0, 0.0, True
    for name, test in suite.items():
        if not name.startswith("test_"):
            continue
        given = {"student": LocalStudent(namespace, forbidden), "rng": torch.Generator().manual_seed(seed)}
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                test(**{argument: given[argument] for argument in inspect.signature(test).parameters})
            passed = True
        except BaseException:  # pytest's own failures are no Exception
            passed = False
        marks = {mark.name: mark for mark in getattr(test, "pytestmark", ())}
        if "gate" in marks:
            held = held and passed
            continue
        weight = marks["points"].args[0] if "points" in marks else 1
        total, earned = total + weight, earned + weight * passed
    return round(points * earned / total * (1.0 if held else gate_credit), 2)


def scoring_cell(assignment: Assignment, exercise: str) -> str:
    """A notebook cell that runs the hidden suite of ``exercise`` and ends with the points that it gives.

    The suite stands inside a function, or its helpers would replace a student's of the same name.
    """
    about = assignment.exercises[exercise]
    suite = textwrap.indent(assignment.suite(exercise).read_text(), "    ")
    numbers = (about.forbidden_operators, about.points, about.gate_credit, SEED)
    return (
        f"def hidden_suite():\n{suite}\n    return locals()\n\n\n"
        f"{_without_annotations()}\n\n"
        f"hidden_score(hidden_suite(), globals(), {', '.join(map(repr, numbers))})"
    )


def _without_annotations() -> str:
    signature = "def hidden_score(suite, namespace, forbidden, points, gate_credit, seed):"
    body = inspect.getsource(hidden_score).partition(") -> float:\n")[2]
    return f"{signature}\n{body}"
