"""Stands in for `autograder.check` inside the jail, where there are no tests to run: the grader judges from outside."""


def check(exercise: str | None = None) -> None:
    """Do nothing."""
