"""Outputs of cells as JupyterLab shows them before anything is run.

JupyterLab does not trust a notebook whose cells this reader has not run: from an output in HTML it takes scripts,
styles and inline SVG away. An image whose data is in its address stays, so a figure becomes one; of an explorer, which
is a script, a sentence stays that says how to get it.
"""

import html
import re
from collections.abc import Mapping
from urllib.parse import quote

from pixelwise import palette

FIGURE = re.compile(
    r'<figure class="pw-figure">(?:<style>.*?</style>)?<svg\b([^>]*)>(.*?)</svg>'
    r"(?:<figcaption>(.*?)</figcaption>)?</figure>",
    re.DOTALL,
)
EXPLORER = re.compile(r'<div class="pw-page">.*?<div class="pw-stage"><p>\[(.*?)\][^<]*</p></div>.*</div>', re.DOTALL)
# What JupyterLab takes away, and controls, which do nothing without a style sheet.
STRIPPED = re.compile(r"<(style|script|fieldset)\b.*?</\1>", re.DOTALL)
CONTROLS = re.compile(r"<fieldset\b")
UNALIGNED = re.compile(r"<(t[hd])\b(?![^>]*\bstyle=)")  # JupyterLab puts text in outputs' tables to the right
MARGIN = 10  # around a figure, in its own units: on a page its lettering may reach over the edge


def portable(markup: str) -> dict[str, str]:
    """Return the HTML of an output as a bundle that an untrusted notebook shows, with plain text where it has any."""
    described: list[str] = []

    def still(found: re.Match[str]) -> str:
        attributes, drawing, caption = found.groups()
        alt = html.unescape(re.search(r'aria-label="([^"]*)"', attributes)[1])
        described.append(f"[figure: {alt}]")
        return image(attributes, drawing, alt, caption)

    def sentence(found: re.Match[str]) -> str:
        described.append(f"[{html.unescape(found[1])}]")
        name, colon, rest = found[1].removesuffix(".").partition(": ")
        return (
            f"<p><strong>{name}</strong>{colon}{rest}. It appears here when you run this cell and those above it.</p>"
        )

    made = EXPLORER.sub(sentence, FIGURE.sub(still, markup))
    if CONTROLS.search(made):
        made = f"<p>The choices appear when you run this cell.</p>{made}"
    made = UNALIGNED.sub(r'<\1 style="text-align:left;vertical-align:top"', STRIPPED.sub("", made))
    return {"text/html": made} | ({"text/plain": "\n".join(described)} if described else {})


def image(attributes: str, drawing: str, alt: str, caption: str | None) -> str:
    """Return a drawing of `pixelwise.plots` as an image with its size, on a sheet of its own paper."""
    left, top, width, height = map(float, re.search(r'viewBox="([^"]*)"', attributes)[1].split())
    scale = float(re.search(r"max-width:(\d+)px", attributes)[1]) / width
    left, top, width, height = left - MARGIN, top - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN
    size = f'width="{width * scale:.0f}" height="{height * scale:.0f}"'
    sheet = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="6"'
    svg = (
        f'<svg {NAMESPACES} {size} viewBox="{left:g} {top:g} {width:g} {height:g}"><style>{STYLE}</style>'
        f'<rect {sheet} fill="{palette.variable("paper")}"/>{drawing}</svg>'
    )
    address = quote(re.sub(r"\s+", " ", re.sub(r">\s+<", "><", svg)), safe=SAFE)
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    shown = f'<img src="data:image/svg+xml,{address}" alt="{html.escape(alt)}" {size}>'
    return f"<figure>{shown}{below}</figure>"


def _roles(colours: Mapping[str, str]) -> str:
    return "svg{" + "".join(f"--pw-{role}:{colour};" for role, colour in colours.items()) + "}"


NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
# JupyterLab tells its images whether its theme is dark. Where a browser does not, sheet and ink still go together.
STYLE = (
    f"{_roles(palette.LIGHT)}@media (prefers-color-scheme:dark){{{_roles(palette.DARK)}}}svg{{color:var(--pw-ink)}}"
    "text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}image{image-rendering:pixelated}"
)
SAFE = " !$()*+,-./:;=?@_'"  # what may stand as it is in an address in double quotes
