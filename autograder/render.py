"""What a notebook's check and the feedback page are drawn with: colours, escaping, test names, bars and pictures.

Everything is HTML without a script and without a request. Whatever a student may have written goes through `clean`.
"""

from __future__ import annotations

import base64
import html
import math
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autograder import work
from autograder.dialect import Measurement
from autograder.difference import Slice
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

# Negative, positive and not-a-number in pictures: of middle lightness, so that they stand out on white and on black,
# and apart for the colour-blind. Magnitude is opacity, so zero is the paper, whichever that is.
LESS, MORE, NAN = (38, 120, 208), (217, 104, 20), (158, 74, 178)


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


# --- counted work ----------------------------------------------------------------------------------------------------

_NESTED = {
    1: "in step with the size, as one loop does",
    2: "with the square of the size, as two nested loops do",
    3: "with the cube of the size, as three nested loops do",
    4: "with the fourth power of the size, as four nested loops do",
}


def steady(measured: Measurement) -> bool:
    """Whether the counts are equal at all sizes, so that one number says them."""
    return len({(done.opcodes, done.dispatched) for done in measured.works}) == 1


def growth(measured: Measurement) -> str:
    """A sentence on how to read the counts of `measured`."""
    sizes, works = measured.sizes, measured.works
    if steady(measured):
        at = ", ".join(map(str, sizes[:-1])) + f" and {sizes[-1]}"
        return (
            f"{works[0].opcodes:,} Python steps and {works[0].dispatched:,} operators "
            f"at size {at} alike: nothing loops over the input."
        )
    columns = (("Python steps", [w.opcodes for w in works]), ("tensor operators", [w.dispatched for w in works]))
    if not work.grows(works):
        return "The work hardly changes with the size: nothing loops over the input."
    name, counts = max(columns, key=lambda column: column[1][-1] / max(1, column[1][0]))
    sentence = f"From size {sizes[0]} to size {sizes[-1]} the {name} grow from {counts[0]:,} to {counts[-1]:,}"
    power = _power(sizes, counts)
    return f"{sentence}{f', {_NESTED[power]}' if power else ''}. Code without a loop takes as many at every size."


def _power(sizes: Sequence[int], counts: Sequence[int]) -> int | None:
    """The power p for which counts at three sizes look like a + b·sizeᵖ; None where none fits."""
    if len(sizes) != 3 or not counts[0] < counts[1] < counts[2]:
        return None
    seen = (counts[2] - counts[1]) / (counts[1] - counts[0])
    a, b, c = sizes

    def distance(p: int) -> float:
        return abs(math.log(seen * (b**p - a**p) / (c**p - b**p)))

    best = min(_NESTED, key=distance)
    return best if distance(best) < 0.4 else None


def counts_table(measured: Measurement) -> str:
    """The counts at each size, with a bar for the Python steps."""
    role = "part" if work.grows(measured.works) else "good"
    most = max(max(w.opcodes, 1) for w in measured.works)
    rows = "".join(
        f"<tr><td>{size}</td><td>{w.opcodes:,}</td><td>{w.dispatched:,}</td>"
        f'<td class="pw-stretch pw-{role}"><i style="width:{100 * w.opcodes / most:.1f}%"></i></td></tr>'
        for size, w in zip(measured.sizes, measured.works, strict=True)
    )
    head = "<thead><tr><th>size</th><th>Python steps</th><th>operators</th><th></th></tr></thead>"
    return f'<table class="pw-counts">{head}<tbody>{rows}</tbody></table>'


def counts_text(measured: Measurement) -> str:
    """The counts in a line of plain text."""
    parts = (
        f"size {n}: {w.opcodes:,} steps, {w.dispatched:,} operators"
        for n, w in zip(measured.sizes, measured.works, strict=True)
    )
    return "; ".join(parts)


# --- pictures of arrays ----------------------------------------------------------------------------------------------

_MOST_SQUARES = 48
_NUMBERED = (8, 6)  # rows and columns up to which a picture shows its numbers


def pictures(where: Slice) -> str:
    """Expected, got and their difference side by side, as heat maps of one slice."""
    expected, got = where.expected, where.got
    error = np.where(where.differ, got - expected, 0.0)
    error[where.differ & (np.isnan(got) != np.isnan(expected))] = np.nan
    scale = _largest(expected) or _largest(got) or 1.0
    error_scale = _largest(error) or 1.0
    panels = (
        _panel("expected", expected, scale, where.first, None),
        _panel("got", got, scale, where.first, None),
        _panel("got − expected", error, error_scale, where.first, where.differ),
    )
    rows, columns = expected.shape
    size = f"{columns} entries" if where.rank == 1 else f"{rows} × {columns}"
    pooled = max(rows, columns) > _MOST_SQUARES
    note = f"<code>{where.name}</code>, {size}"
    if where.count > 1:
        note += ", the slice with the most differences"
    if pooled:
        note += "; each square stands for several entries"
    keys = [_key(LESS, "negative, too small"), _key(MORE, "positive, too large")]
    if np.isnan(got).any() or np.isnan(expected).any():
        keys.append(_key(NAN, "not a number"))
    legend = f"{note}. {', '.join(keys)}; blank on the right: equal. The frame marks the first difference here."
    return f'<div class="pw-pictures">{"".join(panels)}</div><p class="pw-soft" style="font-size:.86em">{legend}</p>'


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def _key(colour: tuple[int, int, int], words: str) -> str:
    return f'<span style="white-space:nowrap"><span class="pw-key" style="background:rgb{colour}"></span>{words}</span>'


def _panel(name: str, values: np.ndarray, scale: float, first: tuple[int, int], differ: np.ndarray | None) -> str:
    rows, columns = values.shape
    numbered = rows <= _NUMBERED[0] and columns <= _NUMBERED[1]
    squares = _opacities(values, scale, differ)
    step = max(1, math.ceil(max(rows, columns) / _MOST_SQUARES))
    high, wide = squares.shape[:2]
    texts: list[list[str]] = []
    if numbered:
        texts = [
            [
                "" if differ is not None and not differ[r, c] else _number(values[r, c], differ is not None)
                for c in range(wide)
            ]
            for r in range(high)
        ]
        longest = max((len(text) for row in texts for text in row), default=1)
        box = (max(30.0, 6.8 * longest + 9), 24.0)
    else:
        side = min(18.0, max(4.0, 190 / max(high, wide)))
        box = (side, side)
    width, height = box[0] * wide, box[1] * high
    low, top = _range(values)
    label = f"{name}: {rows} by {columns} values from {low} to {top}"
    if differ is not None:
        label = f"difference: {int(differ.sum())} of {differ.size} entries differ, by {low} to {top}"
    drawing = [
        f'<svg role="img" aria-label="{label}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" xmlns="http://www.w3.org/2000/svg">',
        f'<image href="{_png(squares)}" width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none" '
        'style="image-rendering:pixelated"/>',
        f'<rect x="0" y="0" width="{width:.1f}" height="{height:.1f}" fill="none" stroke="currentColor" '
        'stroke-opacity=".35"/>',
        '<g font-size="11" text-anchor="middle" fill="currentColor" style="font-family:ui-monospace,Menlo,monospace">',
        *(
            f'<text x="{(c + 0.5) * box[0]:.0f}" y="{(r + 0.5) * box[1] + 4:.0f}">{text}</text> '
            for r, row in enumerate(texts)
            for c, text in enumerate(row)
            if text
        ),
        "</g>",
        f'<rect x="{first[1] // step * box[0]:.1f}" y="{first[0] // step * box[1]:.1f}" width="{box[0]:.1f}" '
        f'height="{box[1]:.1f}" fill="none" stroke="currentColor" stroke-width="2"/></svg>',
    ]
    caption = f"<b>{name}</b> {low} … {top}"
    return f"<figure><figcaption>{caption}</figcaption>{''.join(drawing)}</figure>"


def _number(value: float, signed: bool) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if signed:
        text = f"{value:+.2g}"
    elif value == int(value) and abs(value) < 1e5:
        text = str(int(value))
    else:
        text = f"{value:.2f}" if 0.01 <= abs(value) < 100 else f"{value:.2g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def _range(values: np.ndarray) -> tuple[str, str]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "nan", "nan"
    return f"{finite.min():.3g}".replace("-", "−"), f"{finite.max():.3g}".replace("-", "−")


def _opacities(values: np.ndarray, scale: float, differ: np.ndarray | None) -> np.ndarray:
    """RGBA squares: hue by sign, opacity by magnitude; at most `_MOST_SQUARES` each way, the largest of each block."""
    magnitude = np.abs(np.nan_to_num(values, nan=0.0, posinf=scale, neginf=-scale)) / (scale or 1.0)
    opacity = np.minimum(magnitude, 1.0) ** 0.8 * 0.78
    if differ is not None:
        opacity = np.where(differ, 0.28 + 0.55 * np.minimum(magnitude, 1.0), 0.0)
    opacity = np.where(np.isnan(values), 0.8, opacity)
    hue = np.where(np.isnan(values)[..., None], NAN, np.where((values < 0)[..., None], LESS, MORE))
    squares = np.concatenate([hue, np.round(255 * opacity)[..., None]], axis=-1).astype(np.uint8)
    rows, columns = values.shape
    step = max(1, math.ceil(max(rows, columns) / _MOST_SQUARES))
    if step == 1:
        return squares
    padded = np.pad(squares, ((0, -rows % step), (0, -columns % step), (0, 0)))
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step, 4).swapaxes(1, 2)
    blocks = blocks.reshape(*blocks.shape[:2], step * step, 4)
    strongest = blocks[..., 3].argmax(axis=-1)
    return np.take_along_axis(blocks, strongest[..., None, None], axis=2)[:, :, 0]


def _png(pixels: np.ndarray) -> str:
    """An RGBA image of shape (rows, columns, 4) as a data URI."""
    height, width = pixels.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\x00" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    image = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(image).decode()


def difference_text(where: Slice) -> list[str]:
    """The difference as lines of characters: ``.`` equal, ``+`` too large, ``-`` too small, ``?`` not a number."""
    rows, columns = where.differ.shape
    if rows > 32 or columns > 64:
        return []
    signs = np.where(np.isnan(where.got - where.expected), "?", np.where(where.got > where.expected, "+", "-"))
    return ["".join(row) for row in np.where(where.differ, signs, ".")]


def listing(lines: Iterable[tuple[int, str]], marked: int | None) -> str:
    """Numbered lines of source as HTML, one of them marked with an arrow."""
    shown = []
    for number, line in lines:
        text = clean(f"{'→' if number == marked else ' '} {number:>3}  {line}")
        shown.append(f"<mark>{text}</mark>" if number == marked else text)
    return "<pre>" + "\n".join(shown) + "</pre>"
