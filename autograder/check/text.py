"""A check's result as plain text, for a terminal and for whatever else shows no HTML."""

from collections.abc import Iterator

from autograder.check import growth, pictures, result_words
from autograder.check.result import Case, CheckResult, Evidence, Overview
from autograder.check.source import listing
from autograder.course.text import amount, plain, readable
from autograder.course.verdict import Verdict


def as_text(result: CheckResult | Overview) -> str:
    """The result as lines of text."""
    return "\n".join(_overview(result) if isinstance(result, Overview) else _lines(result))


def _overview(overview: Overview) -> Iterator[str]:
    if overview.problem:
        yield f"{Verdict.FAULT.symbol} {_bare(overview.problem)}"
        return
    yield f"{plain(overview.title)}: {result_words.standing(overview)}"
    for result in overview.results:
        _, symbol, _ = result_words.headline(result)
        points = f"{amount(result.score)} of {amount(result.points)}"
        yield f"  {symbol} {points:>10}  {plain(result.title)} ({plain(result.exercise)})"
        yield f"                {_bare(result_words.row(result))}"
    for title, points in overview.written:
        yield f"  ○ {f'? of {amount(points)}':>10}  {plain(title)}"
        yield f"                {result_words.READ_BY_A_PERSON}"
    yield f"  {_bare(result_words.OVERVIEW_FOOT)}"


def _lines(result: CheckResult) -> Iterator[str]:
    _, symbol, headline = result_words.headline(result)
    yield f"{symbol} {plain(result.title or result.exercise)}: {plain(headline)}"
    if instead := result_words.instead(result):
        yield _bare(instead)
        return
    for case, others in result.groups:
        yield _row(case, result)
        if case.test.message:
            yield f"      {_bare(' '.join(case.test.message.split()))}"
        yield from (f"      {line}" for line in _evidence(case.evidence))
        if case.shown_source:
            yield f"      The test's line: {plain(case.shown_source, 160)}"
        if others:
            yield f"      {plain(result_words.others(others))}"
    for case in result.passing:
        yield _row(case, result)
        for measured in case.measurements:
            counts = "" if growth.steady(measured) else f" {growth.as_text(measured)}"
            yield f"      {growth.explanation(measured)}{counts}"
    yield from (f"  {_bare(remark)}" for remark in result_words.source_remarks(result))
    if result.printed.strip():
        yield "  What your code printed meanwhile:"
        yield from (f"    {line}" for line in result.printed.rstrip().splitlines())
    yield f"  {_bare(result_words.foot(result))}"


def _row(case: Case, result: CheckResult) -> str:
    verdict = case.test.verdict
    words = [] if case.passed else [verdict.word]
    words += [result_words.gate_words(result)] if case.test.gate else []
    return f"  {verdict.symbol} {plain(readable(case.test.name))}" + (f" ({'; '.join(words)})" if words else "")


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield from evidence.error.splitlines()
    if evidence.facts:
        yield _bare(" ".join(evidence.facts))
    if evidence.call:
        yield f"The call: {plain(evidence.call, 400)}"
    if evidence.expected or evidence.got:
        at = f"first at [{', '.join(map(str, evidence.index))}]: " if evidence.index else ""
        yield f"{at}expected {plain(evidence.expected)}, got {plain(evidence.got)}"
    if evidence.slice is not None and (rows := pictures.difference_text(evidence.slice)):
        yield f"{evidence.slice.name}   . equal   + too large   - too small"
        yield from (f"    {row}" for row in rows)
    if evidence.measured is not None:
        yield growth.as_text(evidence.measured)
    if evidence.frames:
        yield f"In your code: {plain(result_words.route(evidence))}"
        yield from (plain(line) for line, _ in listing(evidence.frames[-1].context, evidence.frames[-1].line))
    if evidence.clue:
        yield _bare(evidence.clue)


def _bare(text: str) -> str:
    return plain(text).replace("`", "")
