"""Renders templates. One lies beside the code that fills it and is named by its place here: ``check/page.html``.

Whatever a template shows goes through `escaped`, with or without a filter, and no template may switch that off. Parts
are included and not macros, as what a macro gives would have to be shown as it is.
"""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder.course.text import amount, counted, plain, readable, sentence
from autograder.pages import theme


class Escaped(Markup):
    """HTML that was made here. Any other `Markup` is a text like others: a student's code can make some as well."""


def escaped(text: object, limit: int = 4000) -> Escaped:
    """``text`` as HTML that shows it and does nothing else: no markup, no control characters, and clipped."""
    return text if isinstance(text, Escaped) else Escaped(escape(plain(text, limit)))


def prose(text: object) -> Escaped:
    """A sentence as HTML, with what stands in backticks set as code."""
    return Escaped(re.sub(r"``?([^`\n]+)``?", r"<code>\1</code>", str(escaped(text))))


def render(template: str, **values: object) -> str:
    """``template`` filled with ``values``. Raises `jinja2.UndefinedError` when it uses one that is not given."""
    return environment.get_template(template).render(values)


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    finalize=escaped,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
environment.filters |= {"clipped": escaped, "prose": prose, "role": theme.role}
environment.filters |= {"amount": amount, "counted": counted, "readable": readable, "sentence": sentence}
environment.globals |= {"LIGHT": theme.LIGHT, "DARK": theme.DARK}
