"""Stands in for `autograder.check` inside the jail, where there are no tests to run: the grader judges from outside."""

from __future__ import annotations


def check(exercise: str) -> None:
    """Do nothing."""
