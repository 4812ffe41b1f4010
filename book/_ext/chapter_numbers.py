"""The number of a chapter, which its title in `_toc.yml` begins with, before its heading and in its equations' numbers.

The third numbered equation of "13 · Upsampling" is (13.3) on its own page and wherever a page refers to it. Sphinx can
number by chapter only where it numbers the chapters itself, one after another; the course numbers them by its plan.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

NUMBERED = re.compile(r"(\w+) · ")


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", number_equations)
    app.connect("doctree-resolved", number_heading)
    app.connect("html-page-context", number_window)


def chapter_number(app: Sphinx, page: str) -> str | None:
    """Return what stands before the dot in the page's title in `_toc.yml`; None for a page without one."""
    entry = app.config.external_site_map.get(page)
    found = NUMBERED.match(entry.title or "") if entry is not None else None
    return found and found[1]


def number_equations(app: Sphinx, doctree: nodes.document) -> None:
    page = app.env.docname
    chapter = chapter_number(app, page)
    known = app.env.get_domain("math").equations
    labelled = [node for node in doctree.findall(nodes.math_block) if node.get("label")]
    for count, node in enumerate(labelled, 1):
        node["number"] = f"{chapter}.{count}" if chapter else str(count)
        known[node["label"]] = (page, node["number"])


def number_heading(app: Sphinx, doctree: nodes.document, page: str) -> None:
    # Only where it is shown: a reference to a chapter in a sentence reads as its name alone.
    chapter = chapter_number(app, page)
    heading = next(doctree.findall(nodes.title), None)
    if chapter and heading is not None:
        heading.insert(0, nodes.inline("", f"{chapter} · ", classes=["chapter-number"]))


def number_window(app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object) -> None:
    chapter = chapter_number(app, page)
    if chapter:
        context["title"] = f"{chapter} · {context['title']}"
