"""What a notebook's check and the feedback page are drawn with: colours, escaping, test names, marks and bars.

Everything is HTML without a script and without a request. Whatever a student may have written goes through `clean`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.report import TestResult, Verdict

# --- colours ---------------------------------------------------------------------------------------------------------

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


def variables(colours: dict[str, str]) -> str:
    """CSS declarations of the colours, ``--pw-good`` and so on."""
    return "".join(f"--pw-{role}:{colour};" for role, colour in colours.items())


# A style sheet that holds under `.pw`. Pages set the variables; `.pw` has rules for every part drawn here. Those for
# code name the class twice to outrank JupyterLab's own for code in outputs.
PARTS = """
.pw,.pw *{box-sizing:border-box}
.pw{color:var(--pw-ink);line-height:1.5;font-size:14px;overflow-wrap:anywhere}
.pw p{margin:.3em 0;line-height:1.5}
.pw.pw code,.pw.pw pre{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);
 font-size:.92em;color:var(--pw-ink);border:0}
.pw.pw code{background:var(--pw-tint);padding:.08em .3em;border-radius:3px}
.pw.pw pre{background:var(--pw-tint);padding:.55em .75em;border-radius:4px;margin:.4em 0;overflow-x:auto;
 white-space:pre-wrap;line-height:1.45;max-height:22em}
.pw.pw pre code{background:none;padding:0}
.pw.pw pre mark{background:none;color:var(--pw-bad);font-weight:600}
.pw-good{color:var(--pw-good)}.pw-part{color:var(--pw-part)}.pw-bad{color:var(--pw-bad)}.pw-calm{color:var(--pw-calm)}
.pw-soft{color:var(--pw-soft)}
.pw-tag{font-size:.8em;color:var(--pw-soft);border:1px solid var(--pw-line);border-radius:9px;padding:0 .6em;
 white-space:nowrap;margin-left:.4em;font-weight:400}
.pw-bar{display:flex;gap:2px;height:7px;margin:.55em 0 .2em}
.pw-bar i{flex:1 1 0;background:currentColor;border-radius:2px;min-width:2px}
.pw-bar i.pw-hollow{background:none;border:1.5px solid currentColor}
.pw summary{cursor:pointer;color:var(--pw-soft);padding:.15em 0}
.pw summary:hover{color:var(--pw-ink)}
.pw summary:focus-visible{outline:2px solid currentColor;outline-offset:2px}
.pw ul{list-style:none;margin:.2em 0;padding:0}
.pw li{margin:.1em 0;padding-left:1.5em;text-indent:-1.5em}
.pw-pictures{display:flex;flex-wrap:wrap;gap:10px 18px;margin:.6em 0 .3em}
.pw figure{margin:0;max-width:100%}
.pw figcaption{font-size:.86em;color:var(--pw-soft);margin:0 0 .2em;text-align:left}
.pw figcaption b{color:var(--pw-ink);font-weight:600}
.pw svg{display:block;max-width:100%;height:auto;overflow:visible}
.pw table.pw-counts{border-collapse:collapse;margin:.5em 0;font-size:.95em;width:100%;max-width:34em;border:0;
 table-layout:auto;color:inherit}
.pw .pw-counts th,.pw .pw-counts td{padding:.16em .9em .16em 0;text-align:right;border:0;background:none;
 font-variant-numeric:tabular-nums;white-space:nowrap;font-weight:400;vertical-align:middle}
.pw .pw-counts th{color:var(--pw-soft)}
.pw .pw-counts tr,.pw .pw-counts thead{background:none!important;border:0}
.pw .pw-counts td.pw-stretch{width:60%;padding:.16em 0;text-align:left}
.pw .pw-counts .pw-stretch i{display:block;height:9px;border-radius:2px;background:currentColor;min-width:2px;
 opacity:.8}
.pw-versus{display:grid;grid-template-columns:max-content 1fr;gap:.1em .9em;margin:.4em 0}
.pw-versus>span{color:var(--pw-soft)}
.pw-clue{border-left:3px solid var(--pw-part);padding:.1em 0 .1em .7em;margin:.5em 0}
.pw-key{display:inline-block;width:.75em;height:.75em;border-radius:2px;vertical-align:-.03em;margin:0 .25em 0 .5em}
""".replace("\n ", "").strip()


# --- text ----------------------------------------------------------------------------------------------------------

# Terminal colours; then characters that show as nothing, reorder the text around them, or cannot be written as UTF-8.
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def plain(text: object, limit: int = 4000) -> str:
    """``text`` safe to print and to store: no control characters, terminal codes or lone surrogates, and clipped."""
    text = _ANSI.sub("", str(text)).replace("\r\n", "\n")
    if len(text) > limit:
        text = f"{text[: limit - 200]}\n… {len(text) - limit:,} more characters …\n{text[-200:]}"
    return _UNSEEN.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def clean(text: object, limit: int = 4000) -> str:
    """``text`` as HTML that shows it and does nothing else."""
    return html.escape(plain(text, limit), quote=True)


def prose(text: object) -> str:
    """A sentence as HTML, with what stands in backticks set as code."""
    return re.sub(r"``?([^`\n]+)``?", r"<code>\1</code>", clean(text))


def readable(name: str) -> str:
    """A test's name as words: ``test_stride_moves[float64]`` → ``Stride moves (float64)``."""
    base, _, parameters = name.partition("[")
    words = base.removeprefix("test_").replace("_", " ").strip() or name
    return words[:1].upper() + words[1:] + (f" ({parameters.removesuffix(']')})" if parameters else "")


def amount(points: float) -> str:
    """Points without a needless ``.0``."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


# --- marks and bars --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """How a verdict is shown: a symbol and a word, so that colour alone says nothing; ``role`` names the colour."""

    symbol: str
    word: str
    role: str


def mark(verdict: Verdict, gate: bool = False) -> Mark:
    """The mark of one test or exercise."""
    if verdict is Verdict.PASSED:
        return Mark("✓", "passed", "good")
    if verdict is Verdict.MISSING:
        return Mark("○", "not written yet", "calm")
    if verdict is Verdict.FAULT:
        return Mark("!", "not tested", "part")
    words = {
        Verdict.WRONG: "failed",
        Verdict.ERROR: "error",
        Verdict.FORBIDDEN: "not allowed here",
        Verdict.LOOPS: "it loops",
        Verdict.TIMEOUT: "too slow",
        Verdict.MEMORY: "out of memory",
    }
    return Mark("✗", words.get(verdict, verdict.value), "part" if gate else "bad")


def bar(tests: Sequence[TestResult]) -> str:
    """One segment for each test, in the suite's order; hollow where it did not pass."""
    passed = sum(test.verdict is Verdict.PASSED for test in tests)
    segments = "".join(
        f'<i class="pw-{sign.role}{"" if test.verdict is Verdict.PASSED else " pw-hollow"}"></i>'
        for test, sign in ((test, mark(test.verdict, test.gate)) for test in tests)
    )
    return f'<div class="pw-bar" role="img" aria-label="{passed} of {len(tests)} tests pass">{segments}</div>'


def item(test: TestResult) -> str:
    """A test in a list: its mark and its name."""
    sign = mark(test.verdict, test.gate)
    gate = '<span class="pw-tag">gate</span>' if test.gate else ""
    return (
        f'<span class="pw-{sign.role}" title="{sign.word}">{sign.symbol}</span>&ensp;{clean(readable(test.name))}{gate}'
    )


def listing(lines: Iterable[tuple[int, str]], marked: int | None) -> str:
    """Numbered lines of source as HTML, one of them marked with an arrow."""
    shown = []
    for number, line in lines:
        text = clean(f"{'→' if number == marked else ' '} {number:>3}  {line}")
        shown.append(f"<mark>{text}</mark>" if number == marked else text)
    return "<pre>" + "\n".join(shown) + "</pre>"
