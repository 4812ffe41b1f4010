"""The sample class of `a6-seeing`: what some students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
EXERCISES = ("occlude", "occlusion_map", "grad_cam", "kmeans_step", "normalised_cut", "mean_field_step", "nms")


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
1. It may look at the snow. The test images have the same backgrounds, so the accuracy stays high. I would show it dogs
   in snow and wolves on grass; if it is still right for most of them, I was wrong.
2. The square may be smaller than the animal, so that enough of the animal remains visible. Grad-CAM's map has only
   as many places as the last layer.
3. The network has never seen a black square and may react to its edges. The mean colour looks less strange, but on snow
   it may look like fog.
"""

RECIPES: list[Recipe] = [
    Recipe(
        "abel",
        "Solved everything the way the course does, and answered the question.",
        cells={"where_did_it_look": ANSWER},
    ),
    Recipe("bruna", "Is right, and five hours late.", late=timedelta(hours=5)),
    Recipe(
        "cyril",
        "Grouped and cut with NumPy.",
        cells={
            "kmeans_step": variant("correct/kmeans_numpy"),
            "normalised_cut": variant("correct/ncut_numpy"),
            "nms": variant("correct/nms_numpy_shrinking"),
        },
    ),
    Recipe(
        "dana",
        "Wrote both exercises on occlusion in one cell, and a softmax of her own.",
        cells={
            "occlude": variant("correct/differences_of_steps"),
            "occlusion_map": "# see above",
            "mean_field_step": variant("correct/field_own_softmax"),
        },
    ),
    Recipe(
        "ebbe",
        "Loops over positions, scores and clusters.",
        cells={
            "occlude": variant("wrong/occlude_loops_positions"),
            "grad_cam": variant("wrong/cam_loops_scores"),
            "kmeans_step": variant("wrong/kmeans_loops_clusters"),
        },
        verdicts={"occlude": "loops", "grad_cam": "loops", "kmeans_step": "loops"},
    ),
    Recipe(
        "fenna",
        "Reads compatibilities by columns, and removes boxes at the threshold already.",
        cells={
            "mean_field_step": variant("wrong/field_transposed_prices"),
            "nms": variant("wrong/nms_at_least"),
        },
        verdicts={"mean_field_step": "wrong", "nms": "wrong"},
        # Most tests use Potts, which is symmetric; few boxes overlap by just the threshold.
        shares={"mean_field_step": 31 / 38, "nms": 32 / 42},
    ),
    Recipe(
        "gustav",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
    Recipe("heidi", "Handed in nothing.", absent=True),
]
