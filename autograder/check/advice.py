"""What a student might do about a failure: advice on loops, forbidden operators and errors.

What the pattern of a wrong value points to is found in `differences`.
"""

from collections.abc import Sequence

from autograder.measure.source_rules import Finding
from autograder.measure.work import matching
from autograder.suite.errors import StudentError


def on_loops(findings: Sequence[Finding]) -> str:
    """Where the student's own lines loop; empty when the source shows none."""
    lines = [f"line {found.line}: `{_clip(found.text)}`" for found in findings if found.kind == "loop"]
    if not lines:
        return ""
    more = f" (and {len(lines) - 4} more)" if len(lines) > 4 else ""
    return f"Lines of yours that loop: {'; '.join(lines[:4])}{more}."


def _clip(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# What an exercise may leave open, each with an operator that is forbidden where it is not.
_OPEN = (
    ("slicing", "aten::slice"),
    ("indexing", "aten::index"),
    ("padding", "aten::constant_pad_nd"),
    ("views (`unfold`, `as_strided`)", "aten::as_strided"),
    ("`reshape` and `permute`", "aten::permute"),
    ("broadcast products and sums", "aten::mul"),
    ("`gather`", "aten::gather"),
    ("matrix products and `einsum`", "aten::bmm"),
)


def on_forbidden(names: Sequence[str], forbidden: Sequence[str]) -> str:
    """What an exercise leaves open that asks to do without operators, of which a call used ``names``."""
    banned = [*names, *forbidden]
    open_ways = [words for words, operator in _OPEN if not matching([operator], banned)]
    family = ", ".join(f"`{name.removeprefix('aten::')}`" for name in names)
    return (
        f"Whatever ends in {family} counts, by whichever name it is called (`torch`, `F`, `nn`, a method). "
        f"Open to you are {', '.join(open_ways)}."
    )


def on_error(error: StudentError, inside: bool = False) -> str:
    """What to try after an error; empty where there is nothing to say beside its message.

    ``inside`` says that a line of the student's raised it, so that the call of the tests had its arguments accepted.
    """
    text = error.message
    if not inside and ("unexpected keyword argument" in text or "positional argument" in text):
        return "The tests call your function as the exercise states it: keep its parameters' names, order and defaults."
    if error.kind == "NameError":
        return "If the name is defined or imported in another cell, run that cell first."
    if "requires grad" in text or "requires_grad" in text:
        return "Gradients have to pass through your function: stay in PyTorch, and change no input in place."
    if error.kind == "RecursionError":
        return "The function calls itself without an end."
    if "must match" in text:
        return "Print the shapes of both operands just before that line: broadcasting aligns axes from the last one."
    if "shapes cannot be multiplied" in text or "is invalid for input of size" in text:
        return "Print the shape just before that line, and compare it with the one that you have in mind."
    if "view size is not compatible" in text:
        return "The tensor's memory is not contiguous: `reshape` copies where `view` cannot."
    if error.kind == "SystemExit":
        return "`exit()` ends the program; `return` ends the function."
    return ""
