"""The sample class of `a4-networks`: what its students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
EXERCISES = ("convolutionalise", "fcn8s", "dilated_conv2d", "UNet", "overfit")


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


def in_one_cell(path: str, first: str, *others: str) -> dict[str, str]:
    """A correct variant typed into the cell of its ``first`` exercise; the cells of the ``others`` are emptied."""
    return {first: variant(path), **dict.fromkeys(others, "# see above")}


ANSWER = """
1. The map has 25 × 19 places, and a window of 7 × 7 fits 19 × 13 times. Windows overlap, and one pass computes what
   they share once.
2. The skips. A pole leaves nothing in the scores of stride 32, and no kernel can bring back what is not there.
3. By 2 and by 4. The maps stay larger, which costs memory and multiplications.
"""

RECIPES: list[Recipe] = [
    Recipe(
        "ada", "Solved everything the way the course does, and answered the question.", cells={"which_network": ANSWER}
    ),
    Recipe(
        "bela",
        "Built three exercises on tables of indices, all in the first cell.",
        cells=in_one_cell("correct/index_tables", "convolutionalise", "fcn8s", "dilated_conv2d"),
    ),
    Recipe(
        "chiara",
        "Writes the network as a recursion and trains it in the same cell; five hours late.",
        cells=in_one_cell("correct/one_level_inside_another", "UNet", "overfit"),
        late=timedelta(hours=5),
    ),
    Recipe(
        "dmitri",
        "Subtracts the mean after the division, concatenates in the other order, and takes void for class 0.",
        cells={
            "convolutionalise": variant("wrong/slide_mean_not_divided"),
            "UNet": variant("wrong/unet_enlarged_first"),
            "overfit": variant("wrong/fit_void_is_class_zero"),
        },
        verdicts={"convolutionalise": "wrong", "UNet": "wrong", "overfit": "wrong"},
        # Without divisors the first is right. The network's names, shapes and refusals are, and so is the rest of 5.
        shares={"convolutionalise": 25 / 28, "UNet": 13 / 35, "overfit": 18 / 24},
    ),
    Recipe(
        "elif",
        "Goes through channels, images and dilations with loops.",
        cells={
            "convolutionalise": variant("wrong/slide_loops_channels"),
            "fcn8s": variant("wrong/fcn_loops_images"),
            "dilated_conv2d": variant("wrong/dil_loops_dilations"),
        },
        verdicts={"convolutionalise": "loops", "fcn8s": "loops", "dilated_conv2d": "loops"},
    ),
    Recipe(
        "farid",
        "Calls PyTorch's convolution for each dilation.",
        cells={"dilated_conv2d": variant("wrong/dil_f_conv2d")},
        verdicts={"dilated_conv2d": "forbidden"},
    ),
    Recipe(
        "greta",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
    Recipe(
        "hugo",
        "Wrote an answer in words and nothing else, thirty hours late.",
        cells={**dict.fromkeys(EXERCISES, STUB), "which_network": ANSWER},
        verdicts=dict.fromkeys(EXERCISES, "missing"),
        late=timedelta(hours=30),
    ),
]
