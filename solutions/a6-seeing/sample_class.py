"""The sample class of `a6-seeing`: what some students did, and the verdicts and points that must come of it."""

from __future__ import annotations

from autograder.authoring.sample_class import STUB, Recipe

EXERCISES = ("occlude", "occlusion_map")

RECIPES: list[Recipe] = [
    Recipe("abel", "Solved everything the way the course does."),
    Recipe(
        "gustav",
        "Handed in the notebook as it was released.",
        cells=dict.fromkeys(EXERCISES, STUB),
        verdicts=dict.fromkeys(EXERCISES, "missing"),
    ),
]
