"""What every page may rely on: nothing that a template shows becomes markup, and colours come from one place."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

import autograder
from autograder.pages import templates, theme

PACKAGE = Path(autograder.__file__).parent
TEMPLATES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.html"))
STYLES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.css"))


def show(template: str, **values: object) -> str:
    return templates.environment.from_string(template).render(values)


@pytest.mark.parametrize("text", ["<b>", Markup("<b>"), type("Claim", (), {"__html__": lambda self: "<b>"})()])
@pytest.mark.parametrize("template", ["{{ x }}", "{{ x | prose }}", "{{ x | clipped(9) }}", "{{ [x, x] | join }}"])
def test_nothing_that_a_template_shows_becomes_markup(template, text):
    assert "<b>" not in show(template, x=text)


@pytest.mark.parametrize("template", ["{{ x }}", "{{ x | prose }}", "{{ x | clipped(99) }}", "{{ [x, x] | join }}"])
def test_no_control_character_is_shown(template):
    assert not re.search("[\x00\x1b\u202e\ud800]", show(template, x="\x1b[31m\x00\u202e\ud800"))


def test_only_what_stands_in_backticks_becomes_code():
    shown = show("{{ x | prose }}", x="Use `a < b` or ``c``, not <i>.")
    assert shown == "Use <code>a &lt; b</code> or <code>c</code>, not &lt;i&gt;."


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_template_switches_escaping_off(template):
    assert not re.search(r"\|\s*safe\b|\bautoescape\b|\bMarkup\b|\bmacro\b", (PACKAGE / template).read_text())


@pytest.mark.parametrize("template", ["check/page.html", "nbgrader/feedback_page.html", "nbgrader/summary.html"])
def test_a_value_that_is_not_given_is_an_error(template):
    with pytest.raises(UndefinedError):
        templates.render(template)


@pytest.mark.parametrize("file", TEMPLATES + STYLES)
def test_no_other_file_names_a_colour(file):
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?)\(", (PACKAGE / file).read_text())


@pytest.mark.parametrize("file", TEMPLATES + STYLES)
def test_no_page_can_make_a_request(file):
    assert not re.search(r"<script|<link|@import|url\(|src=", (PACKAGE / file).read_text())


def test_both_themes_name_the_same_roles():
    assert theme.LIGHT.keys() == theme.DARK.keys()


@pytest.mark.parametrize("file", STYLES)
def test_styles_use_no_property_that_the_theme_does_not_set(file):
    used = re.findall(r"var\(--pw-([\w-]+)", (PACKAGE / file).read_text())
    assert set(used) <= theme.LIGHT.keys()
