"""The sample class of `a5-metrics`: what some students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
EXERCISES = ("confusion_matrix", "accuracies", "iou", "boundary_iou", "soft_iou_loss", "balanced_cross_entropy")


def variant(path: str) -> str:
    """The source of a way of solving from ``variants/``, as a student would have it: without our notes on top."""
    source = (VARIANTS / f"{path}.py").read_text()
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        note = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        label = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("SOLVES", "FAILS", "HINT")
        if note or label:
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip()


ANSWER = """
1. Road, sky and buildings are 97 % of the pixels and only three of the classes. B loses a few of their pixels and
   finds many more of the persons. That costs little pixel accuracy, and in the mean IoU persons count as much as road.
2. In an image without persons one pixel of person makes that IoU 0 instead of 1. Over the data set the same pixel is
   one more in a large union.
3. The IoU of persons over all images, without the ignored pixels, and their boundary IoU, since outlines matter. Both
   beside the share of persons' pixels that are found: a missed person is the worse mistake.
"""

RECIPES: list[Recipe] = [
    Recipe(
        "agnes", "Solved everything the way the course does, and answered the question.", cells={"which_score": ANSWER}
    ),
    Recipe("boris", "Is right, and five hours late.", late=timedelta(hours=5)),
    Recipe(
        "clara",
        "Counted and scored with NumPy.",
        cells={
            "confusion_matrix": variant("correct/numpy_histogram"),
            "accuracies": variant("correct/numpy_scores"),
            "iou": "# see above",
            "boundary_iou": variant("correct/numpy_minmax"),
        },
    ),
    Recipe(
        "deniz",
        "Gave autograd a function with a gradient by hand.",
        cells={
            "soft_iou_loss": variant("correct/own_autograd_function"),
            "balanced_cross_entropy": "# see above",
        },
    ),
    Recipe(
        "emeka",
        "Loops over classes and images.",
        cells={
            "confusion_matrix": variant("wrong/counts_loops_over_classes"),
            "iou": variant("wrong/iou_loops_over_images"),
            "soft_iou_loss": variant("wrong/soft_loops_over_classes"),
        },
        verdicts={"confusion_matrix": "loops", "iou": "loops", "soft_iou_loss": "loops"},
    ),
    Recipe(
        "frida",
        "Forgot the second term of the quotient rule, and divides by the sum of the weights.",
        cells={
            "soft_iou_loss": variant("wrong/soft_no_second_term"),
            "balanced_cross_entropy": variant("wrong/ce_sum_of_weights"),
        },
        verdicts={"soft_iou_loss": "wrong", "balanced_cross_entropy": "wrong"},
        # The loss itself is right; the weights matter only by one of the rules.
        shares={"soft_iou_loss": 17 / 40, "balanced_cross_entropy": 17 / 44},
    ),
    Recipe(
        "goran",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
    Recipe("hilde", "Handed in nothing.", absent=True),
]
