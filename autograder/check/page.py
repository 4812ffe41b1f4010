"""A check's result as HTML, for a notebook; ``page.html`` says what it looks like."""

from autograder.check import growth, pictures, result_words, source
from autograder.check.result import CheckResult
from autograder.pages.templates import render


def as_html(result: CheckResult) -> str:
    """The result as a fragment of HTML that brings its style sheet along."""
    tools = {"growth": growth, "pictures": pictures, "result_words": result_words, "listing": source.listing}
    return render("check/page.html", result=result, **tools)
