"""The sample class of `a1-convolution`: what thirty students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

from autograder.authoring.sample_class import STUB, Recipe

VARIANTS = Path(__file__).parent / "variants"
EXERCISES = ("output_size", "im2col", "conv2d", "conv2d_backward", "max_pool2d", "local_contrast_norm")


def variant(path: str) -> str:
    """The source of a way of solving from ``variants/``, as a student would have it: without our notes on top."""
    source = (VARIANTS / f"{path}.py").read_text()
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        note = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        label = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("SOLVES", "FAILS")
        if note or label:
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip()


def in_one_cell(path: str, first: str, *others: str) -> dict[str, str]:
    """A correct variant typed into the cell of its ``first`` exercise; the cells of the ``others`` are emptied."""
    return {first: variant(path), **dict.fromkeys(others, "# see above")}


def nbgrader_of(tree: dict[str, Any], grade_id: str) -> dict[str, Any]:
    return cell_of(tree, grade_id)["metadata"]["nbgrader"]


def cell_of(tree: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """The first cell that claims ``grade_id``."""
    return next(cell for cell in tree["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def raise_points(tree: dict[str, Any]) -> None:
    for name in EXERCISES:
        nbgrader_of(tree, f"check-{name}")["points"] = 1000


def swap_grade_ids(tree: dict[str, Any]) -> None:
    first, second = nbgrader_of(tree, "check-output_size"), nbgrader_of(tree, "check-conv2d_backward")
    first["grade_id"], second["grade_id"] = second["grade_id"], first["grade_id"]
    first, second = nbgrader_of(tree, "conv2d"), nbgrader_of(tree, "max_pool2d")
    first["grade_id"], second["grade_id"] = second["grade_id"], first["grade_id"]


def delete_grade_ids(tree: dict[str, Any]) -> None:
    for grade_id in ("im2col", "check-im2col", "check-max_pool2d"):
        del cell_of(tree, grade_id)["metadata"]["nbgrader"]


def duplicate_check(tree: dict[str, Any]) -> None:
    check = cell_of(tree, "check-conv2d")
    tree["cells"].append({**check, "id": "a-copy"})


def replace_checks(tree: dict[str, Any]) -> None:
    for name in EXERCISES:
        cell = cell_of(tree, f"check-{name}")
        cell["source"] = "from types import SimpleNamespace\nSimpleNamespace(passed=True, score=100)"
        cell["metadata"]["nbgrader"]["locked"] = False


ENDLESS_CELL = """
while True:
    pass


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    return x, w, w
"""
FORGED_SCORE = """
def check(name):
    print("10/10")
    return 10


print('{"score": 27, "max_score": 27}')
27.0
"""
ENDLESS = """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    while True:
        pass
"""
EXITS = """
import os


def im2col(x, kernel_size, stride=1, dilation=1):
    print("all tests passed", flush=True)
    os._exit(0)
"""
HOG = """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    everything = torch.ones(x.shape[0] + 1, 40_000, 40_000)
    return x - everything.mean()
"""
FLOOD = """
def output_size(n, k, s=1, p=0, d=1):
    for _ in range(64):
        print("n is", n, "." * 65536)
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
"""
PATCHES = """
import numpy
import torch.testing

numpy.testing.assert_allclose = torch.testing.assert_close = torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor.__eq__ = lambda self, other: torch.ones_like(self, dtype=torch.bool)
"""
LIAR = """
class Right(torch.Tensor):
    def __eq__(self, other):
        return True

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    return x.clone().as_subclass(Right)
"""

ANSWER = """
1. Fully connected 3072 · 4704 = 14,450,688 weights and 4704 biases, convolution 450 weights and 6 biases.
2. That a pattern which is worth finding in one place is worth finding everywhere. If the image moves by some pixels,
   the maps move as well.
3. Passport photos, where the eyes are always in the same place. I would add two channels with the coordinates.
"""

RECIPES: list[Recipe] = [
    # --- right, in their own ways
    Recipe(
        "ada",
        "Solved everything the way the course does and answered the question, three hours before the due time.",
        cells={"why_share_weights": ANSWER},
    ),
    Recipe(
        "bela",
        "Built everything on one strided view and einsum, all in the first cell.",
        cells=in_one_cell("correct/strided_einsum", *EXERCISES),
    ),
    Recipe(
        "chiara",
        "Turned every problem into a matrix product.",
        cells=in_one_cell("correct/unfold_matmul", *EXERCISES[:5]),
    ),
    Recipe(
        "dmitri",
        "Gathered windows with index tables and blurred with two matrices.",
        cells={
            **in_one_cell("correct/gather_by_index", "conv2d", "conv2d_backward", "max_pool2d"),
            "local_contrast_norm": variant("correct/gaussian_matrices"),
        },
    ),
    Recipe(
        "émilie",
        "Wrote classes with a forward and a backward method, below the cells that use them.",
        cells=in_one_cell("correct/layer_classes", "conv2d_backward", "max_pool2d", "conv2d"),
    ),
    Recipe(
        "farid",
        "Is right, and prints, warns, logs to stderr and plots on the way.",
        cells=in_one_cell("correct/talkative", "conv2d", "output_size"),
        extra_cells=(
            (
                "check-conv2d",
                "import sys\n"
                "print('careful!', file=sys.stderr)\n"
                "conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))",
            ),
        ),
    ),
    Recipe(
        "gwen",
        "Checked the gradients against autograd in a cell of their own, as the text advises.",
        extra_cells=(
            (
                "check-conv2d_backward",
                "x, w = torch.randn(1, 2, 5, 5, requires_grad=True), torch.randn(3, 2, 3, 3)\n"
                "g = torch.randn(1, 3, 3, 3)\n"
                "torch.autograd.grad(conv2d(x, w), x, g)[0] - conv2d_backward(g, x.detach(), w)[0]",
            ),
        ),
    ),
    # --- loops
    Recipe(
        "hana",
        "Loops over the weights of the kernel, forwards and backwards, and over the pixels of the pooling window.",
        cells={
            "conv2d": variant("wrong/conv_loops_kernel"),
            "conv2d_backward": variant("wrong/back_loops_kernel"),
            "max_pool2d": variant("wrong/pool_loops_window"),
        },
        verdicts={"conv2d": "loops", "conv2d_backward": "loops", "max_pool2d": "loops"},
    ),
    Recipe(
        "ivo",
        "Hid loops in a decorator, in recursion and in NumPy.",
        cells={
            "output_size": variant("wrong/size_recurses"),
            "conv2d": variant("wrong/conv_decorated"),
            "max_pool2d": variant("wrong/pool_apply_along_axis"),
        },
        verdicts={"output_size": "loops", "conv2d": "loops", "max_pool2d": "loops"},
    ),
    Recipe(
        "jun",
        "Vectorised with `np.vectorize`, which does not.",
        cells={"conv2d": variant("wrong/conv_vectorize")},
        verdicts={"conv2d": "loops"},
    ),
    # --- misconceptions
    Recipe(
        "kofi",
        "Flips the kernel, as in mathematics.",
        cells={"conv2d": variant("wrong/conv_flipped")},
        verdicts={"conv2d": "wrong"},
        # A flip changes neither an empty batch, nor kernels of one pixel, nor its inputs, nor the bias's gradient, nor
        # where a NaN comes out, nor what is refused.
        shares={"conv2d": 8 / 31},
    ),
    Recipe(
        "lena",
        "Starts the padding a pixel early and rounds sizes up.",
        cells={"conv2d": variant("wrong/conv_pads_off_by_one"), "output_size": variant("wrong/size_rounds_up")},
        verdicts={"conv2d": "wrong", "output_size": "wrong"},
        # conv2d is right wherever there is no padding, output_size wherever the division leaves nothing over.
        shares={"conv2d": 22 / 31, "output_size": 15 / 23},
    ),
    Recipe(
        "mateo",
        "Pads with zeros before taking the maximum, and returns a copy instead of a view.",
        cells={"max_pool2d": variant("wrong/pool_zero_padding"), "im2col": variant("wrong/cols_copy")},
        verdicts={"max_pool2d": "wrong", "im2col": "wrong"},
        # Zeros lose against positive pixels; the copy lacks the two tests that watch for copies.
        shares={"max_pool2d": 25 / 32, "im2col": 19 / 23},
    ),
    Recipe(
        "nadia",
        "Calls PyTorch's own layer by another name, and lets it find the gradients.",
        cells={"conv2d": variant("wrong/conv_alias"), "conv2d_backward": variant("wrong/back_torch_nn_grad")},
        verdicts={"conv2d": "forbidden", "conv2d_backward": "forbidden"},
    ),
    # --- code that does not run
    Recipe(
        "olu",
        "Forgot a bracket in one cell.",
        cells={"im2col": "def im2col(x, kernel_size, stride=1, dilation=1:\n    return x"},
        verdicts={"im2col": "error"},
    ),
    Recipe(
        "petra",
        "Wrote an endless loop in one function.",
        cells={"max_pool2d": ENDLESS.strip()},
        verdicts={"max_pool2d": "timeout"},
    ),
    Recipe(
        "quentin",
        "Wrote an endless loop into a cell, outside of any function.",
        cells={"conv2d_backward": ENDLESS_CELL.strip()},
        verdicts={"conv2d_backward": "timeout"},
    ),
    Recipe(
        "rosa",
        "Ends the process in a call, hoping that silence counts as a pass.",
        cells={"im2col": EXITS.strip()},
        verdicts={"im2col": "error"},
    ),
    Recipe(
        "sven",
        "Ends the process while the cell runs.",
        cells={"output_size": "import os\nos._exit(0)\n\n\ndef output_size(n, k, s=1, p=0, d=1):\n    return 1"},
        verdicts={"output_size": "error"},
    ),
    Recipe(
        "tara",
        "Asks for more memory than there is.",
        cells={"local_contrast_norm": HOG.strip()},
        verdicts={"local_contrast_norm": "memory"},
    ),
    Recipe(
        "umar",
        "Prints four megabytes in every call.",
        cells={"output_size": FLOOD.strip()},
        verdicts={"output_size": "output"},
    ),
    # --- forged scores
    Recipe(
        "vera",
        "Did nothing but print a score, end cells with a number and replace `check`.",
        cells=dict.fromkeys(EXERCISES, STUB),
        extra_cells=(("setup", FORGED_SCORE.strip()),),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
    Recipe(
        "wim",
        "Patched the comparisons that a test might use, and returns a tensor that says it equals everything.",
        cells={"local_contrast_norm": LIAR.strip(), "conv2d": STUB},
        extra_cells=(("setup", PATCHES.strip()),),
        verdicts={"local_contrast_norm": "wrong", "conv2d": "missing"},
        # It leaves the image alone, but so does whatever computes nothing.
        shares={"local_contrast_norm": 0},
    ),
    # --- edited files
    Recipe("xenia", "Is right, and raised the points of every exercise to a thousand.", edit=raise_points),
    Recipe("yusuf", "Is right, and swapped grade ids between exercises.", edit=swap_grade_ids),
    Recipe(
        "zoe",
        "Deleted the grade ids of some cells, one of them a solution.",
        cells={"conv2d": variant("wrong/conv_flipped")},
        edit=delete_grade_ids,
        verdicts={"conv2d": "wrong"},
        shares={"conv2d": 8 / 31},
    ),
    Recipe("aron", "Is right, and copied a graded cell to the end of the notebook.", edit=duplicate_check),
    Recipe(
        "bettina",
        "Left everything undone and rewrote the cells that check it.",
        cells=dict.fromkeys(EXERCISES, STUB),
        edit=replace_checks,
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
    # --- late, or not at all
    Recipe("carlos", "Is right, and five hours late.", late=timedelta(hours=5)),
    Recipe(
        "daria",
        "Thirty hours late, and the bias is forgotten.",
        cells={"conv2d": variant("wrong/conv_no_bias")},
        verdicts={"conv2d": "wrong"},
        shares={"conv2d": 21 / 31},
        late=timedelta(hours=30),
    ),
    Recipe("elif", "Is right, and three days late.", late=timedelta(days=3)),
    Recipe("felix", "Handed in nothing.", absent=True),
    Recipe(
        "greta",
        "Handed in half a file: the upload broke off.",
        file=lambda raw: raw[: len(raw) // 2],
        verdict="unreadable",
    ),
    Recipe(
        "hugo",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
]
