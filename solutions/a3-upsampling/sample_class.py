"""The sample class of `a3-upsampling`: what its students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
EXERCISES = (
    "upsample_nearest", "bed_of_nails", "max_unpool2d", "convolution_matrix", "conv_transpose2d", "bilinear_kernel",
)  # fmt: skip


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
1. The pair is (0, 1). The new column is what the padding had removed at the right end. A convolution of stride 2 takes
   159 and 160 columns to 80, so the layer cannot know.
2. One or two along an axis, so 1, 2 or 4. With a 4×4 kernel it is 4 everywhere.
3. Unpooling keeps where the maximum was, and bilinear upsampling leaves no holes.
"""

RECIPES: list[Recipe] = [
    Recipe(
        "ada", "Solved everything the way the course does, and answered the question.", cells={"which_way_up": ANSWER}
    ),
    Recipe(
        "bela",
        "Built everything on tables of indices, all in the first cell.",
        cells=in_one_cell("correct/index_tables", *EXERCISES),
    ),
    Recipe(
        "chiara",
        "Writes the whole matrix down and multiplies with it; five hours late.",
        cells=in_one_cell(
            "correct/dense_transpose",
            *("upsample_nearest", "bed_of_nails", "convolution_matrix", "conv_transpose2d", "bilinear_kernel"),
        ),
        late=timedelta(hours=5),
    ),
    Recipe(
        "dmitri",
        "Flips the kernel, and centres even bilinear kernels on a weight.",
        cells={
            "conv_transpose2d": variant("wrong/convt_flipped"),
            "bilinear_kernel": variant("wrong/bilinear_centre_on_a_weight"),
        },
        verdicts={"conv_transpose2d": "wrong", "bilinear_kernel": "wrong"},
        # A flip changes neither kernels of one pixel, nor what is refused; the sizes of even kernels are right.
        shares={"conv_transpose2d": 9 / 49, "bilinear_kernel": 5 / 17},
    ),
    Recipe(
        "elif",
        "Goes through planes, rows of the matrix and pixels with loops.",
        cells={
            "max_unpool2d": variant("wrong/unpool_loops_planes"),
            "convolution_matrix": variant("wrong/matrix_loops_rows"),
            "conv_transpose2d": variant("wrong/convt_loops_pixels"),
        },
        verdicts={"max_unpool2d": "loops", "convolution_matrix": "loops", "conv_transpose2d": "loops"},
    ),
    Recipe(
        "farid",
        "Calls PyTorch's own layers by other names.",
        cells={
            "upsample_nearest": variant("wrong/near_interpolate"),
            "max_unpool2d": variant("wrong/unpool_torch_unpool"),
            "conv_transpose2d": variant("wrong/convt_layer"),
        },
        verdicts={"upsample_nearest": "forbidden", "max_unpool2d": "forbidden", "conv_transpose2d": "forbidden"},
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
        cells={**dict.fromkeys(EXERCISES, STUB), "which_way_up": ANSWER},
        verdicts=dict.fromkeys(EXERCISES, "missing"),
        late=timedelta(hours=30),
    ),
]
