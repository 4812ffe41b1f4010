"""Colours. Style sheets use them as ``var(--pw-good)`` and so on; pictures and inline styles take them from here."""

from autograder.course.report import TestResult

LIGHT = {
    "good": "#0b7a59",
    "part": "#96590a",
    "bad": "#b3302a",
    "calm": "#5a6372",
    "ink": "#1d2430",
    "soft": "#5a6372",
    "line": "#d6d8dc",
    "face": "#ffffff",
    "tint": "rgba(90,99,114,.09)",
}
DARK = {
    "good": "#4cc79c",
    "part": "#f0b054",
    "bad": "#ff8a80",
    "calm": "#a0a9b8",
    "ink": "#e4e7ec",
    "soft": "#a0a9b8",
    "line": "#3a424f",
    "face": "#14181f",
    "tint": "rgba(160,169,184,.13)",
}
# The same roles in a terminal, by the names that Rich has for its colours.
TERMINAL = {"good": "green", "part": "yellow", "bad": "red", "calm": "red"}

# Red, green and blue of numbers in pictures: of middle lightness, so that they stand out on white and on black, and
# apart for the colour-blind.
NEGATIVE, POSITIVE, NOT_A_NUMBER = (38, 120, 208), (217, 104, 20), (158, 74, 178)


def role(test: TestResult) -> str:
    """The colour of a test's mark: that of its verdict, but a gate that does not hold costs a part, not all."""
    return "part" if test.gate and test.verdict.role == "bad" else test.verdict.role
