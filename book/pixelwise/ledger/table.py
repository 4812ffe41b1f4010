"""The ledger as a page shows it: one table a chapter, which the reader can narrow to a chapter or a verdict."""

import html
from collections.abc import Iterable

from pixelwise import palette
from pixelwise.ledger.rows import ROWS, VERDICTS, Row, author_and_year
from pixelwise.plots import Shown

CHAPTERS = {
    1: "Convolution as a layer",
    2: "Backpropagation is convolution",
    3: "Receptive fields",
    4: "LeNet, AlexNet, ZFNet, VGG",
    5: "Inception",
    6: "Residual networks",
    7: "Beyond ResNet",
    8: "Transfer",
    10: "The task",
    11: "Before convnets",
    12: "Fully convolutional",
    13: "Upsampling",
    14: "Skips",
    15: "Encoder–decoders",
    16: "Dilation and context",
    17: "Metrics and losses",
    18: "Other dense predictions",
    19: "Objects and instances",
    0: "The course",
}
TONES = {"holds": "series-3", "holds to rounding": "series-1", "differs": "series-2", "cited": "muted"}


def show(rows: Iterable[Row] | None = None) -> Shown:
    """Return all rows, or those given, as HTML that filters without a script.

    Every row has the anchor `ledger-<key>`, holds the source of the function that computed it in a fold, and says
    its verdict in words. Raises `KeyError` for a row whose chapter has no title in `CHAPTERS`.
    """
    shown = list(ROWS.values() if rows is None else rows)
    chapters = [chapter for chapter in CHAPTERS if any(row.chapter == chapter for row in shown)]
    if missing := {row.chapter for row in shown} - set(chapters):
        raise KeyError(f"The ledger's table has no title for chapter {min(missing)}.")
    sections = "".join(_section(chapter, [row for row in shown if row.chapter == chapter]) for chapter in chapters)
    markup = (
        f'<div class="pw-ledger"><style>{palette.css(".pw-ledger")}{_css(chapters)}</style>'
        f"{_choices('chapter', 'Chapter', {c: _heading(c) for c in chapters}, shown)}"
        f"{_choices('verdict', 'Verdict', dict(zip(map(_slug, VERDICTS), VERDICTS, strict=True)), shown)}"
        f"{sections}</div>"
    )
    counts = ", ".join(f"{sum(row.verdict == verdict for row in shown)} {verdict}" for verdict in VERDICTS)
    return Shown(markup, f"[The ledger: {len(shown)} rows; {counts}.]")


def _section(chapter: int, rows: list[Row]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Claim", "Claimed", "Found", "Verdict"))
    body = "".join(map(_line, rows))
    return (
        f'<section class="pw-of-{chapter}"><table><caption>{_heading(chapter)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
    )


def _line(row: Row) -> str:
    source = " · ".join([*([row.source] if row.source else []), *map(author_and_year, row.references)])
    convention = f'<div class="pw-small">{_text(row.convention)}</div>' if row.convention else ""
    how = "" if row.is_cited else f"<details><summary>How</summary><pre>{_text(row.how())}</pre></details>"
    why = f'<div class="pw-small">{_text(row.why)}</div>' if row.why else ""
    found = "Stated" if row.is_cited else "Computed"
    return (
        f'<tr id="ledger-{row.key}" class="pw-{_slug(row.verdict)}">'
        f'<td class="pw-claim">{_text(row.claim)}<div class="pw-small">{_text(source)}</div>{convention}{how}</td>'
        f'<td data-name="Claimed">{_text(row.written("claimed"))}</td>'
        f'<td data-name="{found}">{_text(row.written("computed"))}</td>'
        f'<td class="pw-verdict"><strong>{row.verdict}</strong>{why}</td></tr>'
    )


def _choices(group: str, title: str, names: dict[object, str], rows: list[Row]) -> str:
    def choice(value: object, name: str, checked: str = "") -> str:
        identity = f"pw-{group}-{value}"
        return (
            f'<label for="{identity}" title="{html.escape(name)}">'
            f'<input type="radio" name="pw-{group}" id="{identity}" aria-label="{html.escape(name)}"{checked}>'
            f"<span>{html.escape(name.partition(' · ')[0])}</span></label>"
        )

    every = choice("all", f"all {len(rows)} rows" if group == "verdict" else "all", " checked")
    return (
        f"<fieldset><legend>{title}</legend>{every}{''.join(choice(value, name) for value, name in names.items())}"
        "</fieldset>"
    )


def _css(chapters: list[int]) -> str:
    hidden = "".join(
        f".pw-ledger:has(#pw-chapter-{chapter}:checked) section:not(.pw-of-{chapter}){{display:none}}"
        for chapter in chapters
    )
    for verdict in VERDICTS:
        slug = _slug(verdict)
        hidden += (
            f".pw-ledger:has(#pw-verdict-{slug}:checked) :is(tbody tr:not(.pw-{slug}),section:not(:has(.pw-{slug})))"
            "{display:none}"
            f".pw-ledger .pw-{slug} .pw-verdict strong{{color:{palette.variable(TONES[verdict])}}}"
        )
    return _LAYOUT + hidden


_LAYOUT = (
    ".pw-ledger{font-family:var(--pw-font-sans,sans-serif);font-size:.92rem;line-height:1.4;color:var(--pw-ink)}"
    ".pw-ledger fieldset{border:0;margin:0 0 .8rem;padding:0;display:flex;flex-wrap:wrap;gap:.35rem}"
    ".pw-ledger legend{float:left;padding:.2rem .4rem .2rem 0;font-weight:600;font-size:inherit;width:auto;margin:0}"
    ".pw-ledger label{cursor:pointer;margin:0}"
    ".pw-ledger label input{position:absolute;opacity:0;width:1px;height:1px}"
    ".pw-ledger label span{display:block;border:1px solid var(--pw-grid);border-radius:999px;padding:.15rem .7rem}"
    ".pw-ledger label :checked+span{background:var(--pw-accent);border-color:var(--pw-accent);color:var(--pw-paper)}"
    ".pw-ledger label :focus-visible+span{outline:2px solid var(--pw-accent);outline-offset:2px}"
    ".bd-article .pw-ledger table:not(.pw-rf table){display:block;width:100%;margin:1.6rem 0}"
    ".pw-ledger :is(thead,tbody,caption){display:block}"
    # Grids, so that the claim of a row whose fold is open gets the whole width for the code.
    ".pw-ledger tr{display:grid;grid-template-columns:41fr 17fr 17fr 25fr}"
    ".pw-ledger tr:has(details[open]) .pw-claim{grid-column:1/-1;border-bottom:0}"
    ".pw-ledger tr:has(details[open]) td:nth-child(2){grid-column:2}"
    ".pw-ledger caption{caption-side:top;text-align:left;font-weight:700;font-size:1.05rem;color:var(--pw-ink)}"
    ".bd-article div.cell_output .pw-ledger table:not(.pw-rf table) :is(th,td){white-space:normal;"
    "vertical-align:top;text-align:left;overflow-wrap:anywhere}"
    ".pw-ledger .pw-small{color:var(--pw-muted);font-size:.85em}"
    ".pw-ledger tr:target{background:color-mix(in srgb,var(--pw-series-5) 18%,var(--pw-paper))}"
    ".pw-ledger tr{scroll-margin-top:4rem}"
    ".pw-ledger summary{cursor:pointer;color:var(--pw-muted);font-size:.85em;width:fit-content}"
    ".bd-article .pw-ledger pre{font-size:.76rem;overflow-x:auto;margin:.3rem 0 0;white-space:pre}"
    "@media (max-width:600px){.pw-ledger :is(table,tbody,caption){display:block!important}"
    ".pw-ledger thead{display:none}"
    ".pw-ledger tr:not([hidden]){display:grid;grid-template-columns:1fr 1fr;column-gap:1rem;padding:.6rem 0;"
    "border-bottom:1px solid var(--pw-grid)}"
    ".bd-article div.cell_output .pw-ledger table:not(.pw-rf table) td{border:0;padding:.2rem 0}"
    ".pw-ledger tr :is(.pw-claim,.pw-verdict){grid-column:1/-1}"
    ".pw-ledger tr:has(details[open]) td:nth-child(2){grid-column:1}"
    ".pw-ledger td[data-name]::before{content:attr(data-name) ' ';color:var(--pw-muted);font-size:.85em;display:block}}"
)


def _heading(chapter: int) -> str:
    return f"{chapter} · {CHAPTERS[chapter]}" if chapter else CHAPTERS[chapter]


def _slug(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _text(text: str) -> str:
    return html.escape(text, quote=False)
