"""A report as a page for the student, and one exercise of it as a fragment for the graded notebook.

Both are complete in themselves: no script, no request, nothing of a hidden test but the sentence that it says. A report
holds what students wrote (names, messages, printed text), so all of it goes through `render.clean`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from autograder import render
from autograder.assignment import Manifest
from autograder.render import amount, clean, plain, prose, readable
from autograder.report import MEANING, ExerciseResult, Report, TestResult, Verdict

_PRINTED = 8000  # characters of the notebook's output on the page


def page(report: Report, manifest: Manifest, graded_at: datetime, late: str | None) -> str:
    """The feedback on one submission as one HTML page; ``late`` is a sentence on lateness and what it costs, if any."""
    title = clean(manifest.title, 200)
    facts = [
        ("Student", clean(report.student, 200)),
        ("Graded", clean(graded_at.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC"))),
        ("Due", clean(manifest.due.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC"))),
    ]
    header = (
        f'<header><p class="pw-soft">Feedback</p><h1>{title}</h1>'
        f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)}</dl>'
        f"</header>"
    )
    written = [exercise for exercise in manifest.exercise.values() if exercise.kind == "written"]
    sections = [
        _total(report, late),
        *(_remark(remark) for remark in report.remarks),
        _overview(report, [exercise.title for exercise in written]),
        *(_exercise(exercise, number) for number, exercise in enumerate(report.exercises, 1)),
        *(_written(exercise.title, exercise.points) for exercise in written),
        _printed(report.output),
        _small_print(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing on this page has a reason to load or run anything, whatever a submission smuggled into it.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        f"<title>{title}: feedback for {clean(report.student, 200)}</title><style>{_STYLE}</style></head>"
        f'<body class="pw">{header}<main>{"".join(sections)}</main></body></html>\n'
    )


def summary_html(exercise: ExerciseResult) -> str:
    """One exercise as a small HTML fragment that looks the same in formgrader, nbgrader's feedback and JupyterLab.

    It carries its styles on its elements and its own light ground, as the pages that show it know nothing of ours.
    """
    colours = render.LIGHT
    sign = _sign(exercise)
    rows = "" if _nothing_written(exercise) else "".join(_summary_row(test, exercise) for test in exercise.tests)
    remarks = "".join(
        f'<div style="margin:6px 0 0;color:{colours["part"]}">{prose(each)}</div>' for each in exercise.remarks
    )
    return (
        f'<div style="color:{colours["ink"]};background:#fff;border:1px solid {colours["line"]};border-left:4px solid '
        f"{colours[sign.role]};border-radius:4px;padding:10px 14px;margin:4px 0;max-width:60em;line-height:1.5;"
        'font-family:system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;text-align:left">'
        f'<div style="font-size:15px"><span style="color:{colours[sign.role]}">{sign.symbol}</span> '
        f"<strong>{clean(exercise.title, 200)}</strong> &nbsp;{_points(exercise)} points"
        f'</div><div style="color:{colours["soft"]}">{_verdict_words(exercise)}</div>{rows}{remarks}</div>'
    )


def summary_text(exercise: ExerciseResult) -> str:
    """The same as plain text."""
    sign = _sign(exercise)
    lines = [
        f"{sign.symbol} {plain(exercise.title, 200)}: {_points(exercise)} points, "
        f"{exercise.verdict.value}: {MEANING[exercise.verdict]}"
    ]
    for test in () if _nothing_written(exercise) else exercise.tests:
        mark = render.mark(test.verdict, test.gate)
        lines.append(f"  {mark.symbol} {plain(readable(test.name), 200)} ({_worth(test, exercise)})")
        if test.verdict is not Verdict.PASSED:
            lines += [f"      {plain(_sentence(text))}" for text in (test.message, test.detail) if text]
    return "\n".join([*lines, *(f"  {plain(remark)}" for remark in exercise.remarks)])


def _summary_row(test: TestResult, exercise: ExerciseResult) -> str:
    colours, sign = render.LIGHT, render.mark(test.verdict, test.gate)
    said = ""
    if test.verdict is not Verdict.PASSED:
        said = "".join(
            f'<div style="margin:0 0 0 22px;{style}">{prose(_sentence(text))}</div>'
            for text, style in ((test.message, ""), (test.detail, f"color:{colours['soft']}"))
            if text
        )
    return (
        f'<div style="margin:5px 0 0"><span style="display:inline-block;width:22px;color:{colours[sign.role]}" '
        f'title="{sign.word}">{sign.symbol}</span>{clean(readable(test.name), 200)} '
        f'<span style="color:{colours["soft"]};font-size:12px">{sign.word}, {_worth(test, exercise)}</span>{said}</div>'
    )


# --- the page's parts ------------------------------------------------------------------------------------------------


def _total(report: Report, late: str | None) -> str:
    share = report.score / report.max_score if report.max_score else 0.0
    meter = (
        f'<div class="meter" role="img" aria-label="{share:.0%} of the machine-graded points">'
        f'<i style="width:{100 * min(1.0, max(0.0, share)):.1f}%"></i></div>'
    )
    whole = all(each.verdict is report.verdict for each in report.exercises) and report.verdict not in _OF_TESTS
    sentence = _sentence(MEANING[report.verdict]) if whole else ""
    return (
        f'<section class="total"><p class="score"><strong>{amount(report.score)}</strong> '
        f"of {amount(report.max_score)} points for the exercises</p>{meter}"
        + (f'<p class="note">{prose(late)}</p>' if late else "")
        + (f'<p class="note">{prose(sentence)}</p>' if sentence else "")
        + "</section>"
    )


# Verdicts that the exercises explain; any other, where all exercises share it, is about the file as a whole.
_OF_TESTS = (Verdict.PASSED, Verdict.WRONG, Verdict.ERROR, Verdict.LOOPS, Verdict.FORBIDDEN)


def _remark(text: str) -> str:
    return f'<p class="note">{prose(text)}</p>'


def _overview(report: Report, written: Iterable[str]) -> str:
    rows = "".join(
        f'<tr><td class="pw-{_sign(each).role}">{_sign(each).symbol}</td><td><a href="#exercise-{number}">'
        f"{clean(each.title, 200)}</a></td><td>{render.bar(each.tests) if each.tests else ''}</td>"
        f"<td>{_points(each)}</td></tr>"
        for number, each in enumerate(report.exercises, 1)
    )
    rows += "".join(
        f'<tr><td class="pw-calm">…</td><td>{clean(title, 200)}</td><td></td><td>by a person</td></tr>'
        for title in written
    )
    return f'<table class="overview"><tbody>{rows}</tbody></table>' if rows else ""


def _exercise(exercise: ExerciseResult, number: int) -> str:
    sign = _sign(exercise)
    failed = [test for test in exercise.tests if test.verdict is not Verdict.PASSED]
    passed = [test for test in exercise.tests if test.verdict is Verdict.PASSED]
    parts = [
        f'<h2><span class="pw-{sign.role}">{sign.symbol}</span> {clean(exercise.title, 200)}'
        f'<span class="points">{_points(exercise)}</span></h2>'
        f'<p class="pw-soft">{_verdict_words(exercise)}</p>'
    ]
    parts += [_remark(remark) for remark in exercise.remarks]
    parts += [] if _nothing_written(exercise) else [_failed(test, exercise) for test in failed]
    if passed:
        rows = "".join(
            f"<li>{render.item(test)}"
            + ("" if test.gate else f' <span class="pw-soft worth">{_worth(test, exercise)}</span>')
            + "</li>"
            for test in passed
        )
        many = f"{len(passed)} test{'s' if len(passed) != 1 else ''} passed"
        parts.append(f"<details{'' if failed else ' open'}><summary>{many}</summary><ul>{rows}</ul></details>")
    return f'<section class="exercise" id="exercise-{number}">{"".join(parts)}</section>'


def _failed(test: TestResult, exercise: ExerciseResult) -> str:
    sign = render.mark(test.verdict, test.gate)
    detail = f'<p class="pw-soft">{prose(_sentence(test.detail))}</p>' if test.detail else ""
    return (
        f'<div class="test"><p><span class="pw-{sign.role}">{sign.symbol}&ensp;'
        f"<b>{clean(readable(test.name), 200)}</b></span>"
        f'<span class="pw-tag">{sign.word}</span><span class="pw-tag">{_worth(test, exercise)}</span></p>'
        + (f"<p>{prose(test.message)}</p>" if test.message else "")
        + f"{detail}</div>"
    )


def _written(title: str, points: float) -> str:
    return (
        f'<section class="exercise"><h2><span class="pw-calm">…</span> {clean(title, 200)}'
        f'<span class="points">of {amount(points)}</span></h2>'
        '<p class="pw-soft">A person reads and grades this question; its points are not in the score above.</p>'
        "</section>"
    )


def _printed(output: str) -> str:
    if not output.strip():
        return ""
    return (
        '<section><details class="printed"><summary>What your notebook printed while it was graded</summary>'
        f"<pre>{clean(output.rstrip(), _PRINTED)}</pre></details></section>"
    )


def _small_print(report: Report) -> str:
    sentences = [
        f"The tests drew their inputs from the seed {report.seed}: with it, grading gives the same result again.",
        f"Report {clean(report.key[:12])}." if report.key else "",
        "" if report.jailed else "This was graded without the jail that keeps submissions apart.",
    ]
    return f'<footer class="pw-soft">{" ".join(filter(None, sentences))}</footer>'


# --- words -----------------------------------------------------------------------------------------------------------


def _sign(exercise: ExerciseResult) -> render.Mark:
    if 0 < exercise.score < exercise.max_score:
        return render.Mark("◐", "partly", "part")
    if exercise.verdict is Verdict.PASSED:
        return render.mark(Verdict.PASSED)
    return render.mark(exercise.verdict)


def _verdict_words(exercise: ExerciseResult) -> str:
    return f"{clean(exercise.verdict.value.capitalize())}: {prose(MEANING[exercise.verdict])}."


def _points(exercise: ExerciseResult) -> str:
    return f"{amount(exercise.score)} of {amount(exercise.max_score)}"


def _worth(test: TestResult, exercise: ExerciseResult) -> str:
    """The exercise's points that hang on one test: a suite weighs its tests in units of its own."""
    if test.gate:
        return "gate"
    total = sum(each.points for each in exercise.tests if not each.gate)
    points = amount(exercise.max_score * test.points / total) if total else "0"
    return f"{points} point{'' if points == '1' else 's'}"


def _nothing_written(exercise: ExerciseResult) -> bool:
    """Whether the tests found nothing to test, so that there is nothing to say of each."""
    return bool(exercise.tests) and all(test.verdict is Verdict.MISSING for test in exercise.tests)


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


_STYLE = (
    f":root{{color-scheme:light dark;{render.variables(render.LIGHT)}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{render.variables(render.DARK)}}}}}"
    f"{render.PARTS}"
    + """
body.pw{margin:0 auto;max-width:46rem;padding:2.2rem 1.2rem 3rem;background:var(--pw-face);font-size:16px;
 font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.1rem 0 .8rem;font-weight:650}
h2{font-size:1.15rem;line-height:1.3;margin:0;font-weight:650;display:flex;gap:.5em;align-items:baseline}
h2 .points{margin-left:auto;font-weight:400;font-size:1rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;margin:0;font-size:.88em}
.facts div{display:flex;gap:.5em}.facts dt{color:var(--pw-soft)}.facts dd{margin:0}
.total{margin:1.6rem 0 1.2rem}
.total .score{margin:0;font-size:1.05rem}.total .score strong{font-size:2rem;font-weight:650;letter-spacing:-.01em}
.meter{height:8px;border-radius:4px;background:var(--pw-tint);overflow:hidden;margin:.3rem 0 .8rem}
.meter i{display:block;height:100%;background:var(--pw-good);border-radius:4px}
.pw .note{border-left:3px solid var(--pw-part);background:var(--pw-tint);padding:.45rem .8rem;margin:.6rem 0;
 border-radius:0 4px 4px 0}
.overview{border-collapse:collapse;width:100%;margin:.4rem 0 0}
.overview td{padding:.3rem .8rem .3rem 0;vertical-align:middle}
.overview td:first-child{width:1.2em;padding-right:.5em}
.overview td:nth-child(3){width:34%}.overview .pw-bar{margin:0}
.overview td:last-child{text-align:right;white-space:nowrap;padding-right:0;font-variant-numeric:tabular-nums}
.overview a{color:inherit;text-decoration:none}.overview a:hover{text-decoration:underline}
.exercise{border-top:1px solid var(--pw-line);padding:1.1rem 0 .2rem;margin-top:1.1rem}
.test{margin:.8rem 0 .8rem .1rem;padding-left:.9rem;border-left:2px solid var(--pw-line)}
.worth{font-size:.86em;margin-left:.5em}
.printed{border-top:1px solid var(--pw-line);padding-top:.8rem;margin-top:1.2rem}
footer{border-top:1px solid var(--pw-line);margin-top:1.4rem;padding-top:.7rem;font-size:.86em}
@media (max-width:34rem){.overview td:nth-child(3){display:none}h1{font-size:1.6rem}body.pw{padding-top:1.2rem}}
@media print{body.pw{max-width:none;padding:0;font-size:11pt}.exercise,.test{break-inside:avoid}
 .pw pre{max-height:none}.pw-bar i,.meter,.meter i{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".replace("\n ", "").strip()
)
