"""The sample class of `a4-networks`: what its students did, and the verdicts and points that must come of it."""

from autograder.authoring.sample_class import Recipe

RECIPES: list[Recipe] = [Recipe("ada", "Solved everything the way the course does.")]
