"""A check's result as HTML, for a notebook; ``page.html`` and ``overview.html`` say what it looks like."""

from autograder.check import growth, pictures, result_words, source
from autograder.check.result import CheckResult, Overview
from autograder.pages.templates import render


def as_html(result: CheckResult | Overview) -> str:
    """The result as a fragment of HTML that brings its style sheet along."""
    if isinstance(result, Overview):
        return render("check/overview.html", overview=result, result_words=result_words)
    tools = {"growth": growth, "pictures": pictures, "result_words": result_words, "listing": source.listing}
    return render("check/page.html", result=result, **tools)
