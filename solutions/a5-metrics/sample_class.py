"""The sample class of `a5-metrics`: what some students did, and the verdicts and points that must come of it."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

from autograder.authoring.sample_class import Recipe

VARIANTS = Path(__file__).parent / "variants"


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


RECIPES: list[Recipe] = [
    Recipe("agnes", "Solved everything the way the course does."),
    Recipe("boris", "Is right, and five hours late.", late=timedelta(hours=5)),
]
