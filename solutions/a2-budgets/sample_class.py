"""The sample class of `a2-budgets`: what eight students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
FUNCTIONS = ("receptive_fields", "field_box", "effective_field", "budget", "batch_norm", "batch_norm_backward")
EXERCISES = (*FUNCTIONS, "Bottleneck")


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


def in_one_cell(path: str) -> dict[str, str]:
    """A correct variant of all functions, typed into the cell of the first; the other cells are emptied."""
    return {FUNCTIONS[0]: variant(path), **dict.fromkeys(FUNCTIONS[1:], "# see above")}


ANSWER = """
1. After a halving a layer has four times the parameters, half the activations and the same number of MACs. The last
   layers hold most parameters, the first ones most activations.
2. Parameters and receptive field stay, activations and MACs become four times as many.
3. Training uses the statistics of the two images, evaluation the running ones, which fit neither. Group normalisation
   would not depend on the batch.
"""

RECIPES: list[Recipe] = [
    Recipe("ada", "Solved everything the way the course does.", cells={"where_the_budget_goes": ANSWER.strip()}),
    Recipe(
        "bela",
        "Did all of it in NumPy, all in the first cell, and is five hours late.",
        cells=in_one_cell("correct/numpy_all_the_way"),
        late=timedelta(hours=5),
    ),
    Recipe(
        "chiara",
        "Wrote classes that several exercises share.",
        cells={**in_one_cell("correct/helper_classes"), "where_the_budget_goes": "Batch normalisation needs a batch."},
    ),
    Recipe(
        "hana",
        "Went through the layers one by one, twice.",
        cells={
            "receptive_fields": variant("wrong/fields_loop_over_layers"),
            "budget": variant("wrong/budget_loops_layers"),
        },
        verdicts={"receptive_fields": "loops", "budget": "loops"},
    ),
    Recipe(
        "kofi",
        "Takes the jump after a layer, leaves padding out of the boxes and rounds sizes down.",
        cells={
            "receptive_fields": variant("wrong/fields_jump_after"),
            "field_box": variant("wrong/box_padding_ignored"),
            "budget": variant("wrong/budget_floor"),
        },
        verdicts={"receptive_fields": "wrong", "field_box": "wrong", "budget": "wrong"},
        # Each is right where there is no stride, no padding, or nothing left over by the division.
        shares={"receptive_fields": 11 / 24, "field_box": 12 / 25, "budget": 29 / 33},
    ),
    Recipe(
        "lena",
        "Exchanges the momentum's shares and takes mean and variance for constants; thirty hours late.",
        cells={
            "batch_norm": variant("wrong/norm_momentum_swapped"),
            "batch_norm_backward": variant("wrong/nback_direct_only"),
        },
        verdicts={"batch_norm": "wrong", "batch_norm_backward": "wrong"},
        # The outputs are right, and so are the gradients of scale and shift.
        shares={"batch_norm": 20 / 35, "batch_norm_backward": 7 / 29},
        late=timedelta(hours=30),
    ),
    Recipe(
        "nadia",
        "Calls PyTorch's own layer, and lets autograd find the gradients.",
        cells={
            "batch_norm": variant("wrong/norm_by_pytorch"),
            "batch_norm_backward": variant("wrong/nback_by_autograd"),
        },
        verdicts={"batch_norm": "forbidden", "batch_norm_backward": "forbidden"},
    ),
    Recipe(
        "hugo",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
]
