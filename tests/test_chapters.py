"""The pages' sources: figures are numbered in order and met in the text, and each assignment is named by a page."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob("0[1-9]-*/*.md"))
PAGES = [*CHAPTERS, *sorted((ROOT / "book" / "appendices").glob("*.md")), ROOT / "book" / "index.md"]
COLUMNS, LINES = 84, 40  # of an open cell, so that it fits the page and one screen
CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.DOTALL | re.MULTILINE)


def numbers_of_figures(page):
    """The number that each caption of a page begins with, in their order; None for one without."""
    captions = [found for cell in CELL.findall(page.read_text()) for found in re.findall(r'caption=f?"([^"]*)', cell)]
    return [int(found[1]) if (found := re.match(r"Figure (\d+)\. ", caption)) else None for caption in captions]


def mentioned(text):
    """The numbers of figures that a text speaks of: `figure 3`, `figures 5 and 6`."""
    lists = re.findall(r"\b[Ff]igures? (\d+(?:(?:, | and | to )\d+)*)", text)
    return {int(number) for one in lists for number in re.findall(r"\d+", one)}


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_figures_are_numbered_in_order_and_the_text_speaks_of_each(page):
    numbers = numbers_of_figures(page)
    assert numbers == list(range(1, len(numbers) + 1))
    assert mentioned(CELL.sub("", page.read_text())) == set(numbers)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_cell_that_draws_a_figure_ends_with_it(page):
    """A notebook shows the value of a cell's last line; a check behind it would hide the figure."""
    cells = [cell.splitlines()[1:-1] for cell in CELL.findall(page.read_text()) if "plots.show(" in cell]
    last = [ast.parse("\n".join(line for line in lines if line[:1] not in ":%")).body[-1] for lines in cells]
    assert [ast.unparse(each) for each in last if not isinstance(each, ast.Expr)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_open_cells_fit_the_page_and_one_screen(page):
    cells = [cell.splitlines()[1:-1] for cell in CELL.findall(page.read_text())]
    shown = [lines for lines in cells if not re.match(r":tags:.*(?:hide|remove)", lines[0])]
    assert [line for lines in shown for line in lines if len(line) > COLUMNS] == []
    assert [lines[0] for lines in shown if len(lines) > LINES] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_glue_stands_in_cells_that_are_not_shown(page):
    shown = [cell for cell in CELL.findall(page.read_text()) if "remove-cell" not in cell.splitlines()[1]]
    assert [cell for cell in shown if "glue(" in cell] == []


def test_each_assignment_is_named_by_a_chapter_and_each_that_is_named_is_there():
    named = {name for page in CHAPTERS for name in re.findall(r"\ba\d-\w+", page.read_text())}
    written = {path.parent.name for path in (ROOT / "solutions").glob("a*/assignment.toml")}
    assert named == written


def test_no_page_calls_an_assignment_that_is_there_planned():
    for page in CHAPTERS:
        assert not re.search(r"`a\d-\w+`,? which is planned", page.read_text()), page.stem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_words_in_formulas_escape_no_underscore(page):
    """MathJax shows the backslash, since words stand there as they are."""
    assert re.findall(r"\\text\{[^}]*\\_[^}]*\}", page.read_text()) == []


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_speaks_of_no_lectures_and_no_slides(page):
    prose = CELL.sub("", page.read_text())
    assert re.findall(r"\b[Ll]ectures?\b|\bSlides?\b|\bthe slides\b", prose) == []
