"""What to say of a failure: what was seen, and what may help."""

from collections.abc import Sequence
from dataclasses import replace

from autograder.check import differences, growth
from autograder.check.result import Evidence, Frame
from autograder.course.report import TestResult
from autograder.course.text import plain, sentence
from autograder.course.verdict import Verdict
from autograder.measure.source_rules import Finding
from autograder.measure.work import matching
from autograder.suite.errors import Failure, Forbidden, Loops, Mismatch, StudentError
from autograder.suite.loops import Measurement


def evidence(
    test: TestResult,
    error: BaseException | None,
    frames: tuple[Frame, ...],
    findings: Sequence[Finding],
    forbidden: Sequence[str],
) -> Evidence:
    """What was seen when ``test`` ended with ``error``, which passed through ``frames`` of the student's.

    ``findings`` are about the exercise's source, ``forbidden`` is what the exercise asks to do without.
    """
    told = (sentence(test.detail),)
    match error:
        case Mismatch():
            seen = differences.explain(error.got, error.expected, error.differ)
            facts = seen.facts or told
            if error.part:
                facts = (f"In part {error.part} of the result:", *facts)
            if "in place" in test.detail:
                facts = (*told, *facts)
            return replace(seen, facts=facts)
        case Loops():
            measured = Measurement(error.sizes, error.works)
            return Evidence((growth.explanation(measured),), clue=_loop_hint(findings), measured=measured)
        case Forbidden(names=names):
            return Evidence(told, clue=_allowed(names, forbidden), cause=("forbidden", names[0]))
        case StudentError(kind=kind, message=message):
            cause = (kind, frames[-1].line if frames else message)
            if error.verdict is Verdict.MISSING:
                return Evidence((sentence(message),) if message else (), frames=frames, cause=cause)
            return Evidence(
                error=f"{kind}: {plain(message, 1200)}" if message else kind,
                facts=() if frames or not error.where else (sentence(f"it happened in {error.where}"),),
                clue=_error_hint(error),
                frames=frames,
                cause=cause,
            )
        case AssertionError() if str(error) and not isinstance(error, Failure):
            return Evidence(told, error=plain(error, 1200))
        case None:
            return Evidence()
    return Evidence(told)


def _loop_hint(findings: Sequence[Finding]) -> str:
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


def _allowed(names: Sequence[str], forbidden: Sequence[str]) -> str:
    banned = [*names, *forbidden]
    open_ways = [words for words, operator in _OPEN if not matching([operator], banned)]
    family = ", ".join(f"`{name.removeprefix('aten::')}`" for name in names)
    return (
        f"Whatever ends in {family} counts, by whichever name it is called (`torch`, `F`, `nn`, a method). "
        f"Open to you are {', '.join(open_ways)}."
    )


def _error_hint(error: StudentError) -> str:
    text = error.message
    if "unexpected keyword argument" in text or "positional argument" in text:
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
