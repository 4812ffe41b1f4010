"""Every page's notebook: plain Markdown that says what the page says, the page's cells, and JupyterLab showing both."""

import base64
import gzip
import html
import io
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
import torch
from docutils import nodes
from markdown_it import MarkdownIt
from myst_nb.core.read import read_myst_markdown_notebook
from PIL import Image, ImageStat
from playwright.sync_api import Page
from sphinx_design.dropdown import dropdown_main, dropdown_title

from pixelwise import plots
from pixelwise.explorers.convolution_stepper import ConvolutionStepper
from tests.conftest import ROOT
from tests.lab import DARK, LIGHT, Server, jupyter_lab, open_page
from tests.test_site import PAGES

sys.path.append(str(ROOT / "book" / "_ext"))

from notebooks import Translator, escaped, guarded
from portable_outputs import portable

CELLS = {page: read_myst_markdown_notebook((ROOT / f"{page}.md").read_text()).cells for page in PAGES}
WITH_CELLS = [page for page, cells in CELLS.items() if any(cell.cell_type == "code" for cell in cells)]
FIGURE = '<img src="data:image/svg+xml,'
CODE = re.compile(r"^```.*?^```|(`+)[^`].*?\1", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\\)\$.+?(?<!\\)\$", re.DOTALL)
# Roles, directives and targets of MyST, and its comments.
MYST = re.compile(r"\{[\w:-]+\}`|^\s*>?\s*(?::{3,}|`{3,}\{)|^\s*\(\w[\w-]*\)=\s*$|^%", re.MULTILINE)

# Text and blocks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def translator() -> Translator:
    """A translator for a page that refers to nothing."""
    domain = SimpleNamespace(citations=[], labels={})
    app = SimpleNamespace(builder=SimpleNamespace(config=SimpleNamespace(math_numfig=False)))
    env = SimpleNamespace(app=app, get_domain=lambda name: domain)
    return Translator(env, "page", nodes.document(None, None))


def shown(markdown: str) -> str:
    """What CommonMark, with GitHub's tables, makes of a text."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)


@pytest.mark.parametrize(
    "text",
    [
        "a*b*c and __init__ and _x_ and snake_case",
        "f[i](j), <b>, a < b, &amp; and x & y",
        r"a backslash \* and `code` and ~~gone~~",
        "# no heading",
        "1. no list",
        "- no list",
        "> no quotation",
        "2) neither",
        "| no | table |",
    ],
)
def test_text_is_shown_as_it_is(text):
    assert html.unescape(shown(guarded(escaped(text)))) == f"<p>{text}</p>\n"


def test_a_dollar_begins_no_formula():
    assert escaped("$5 and $6") == r"\$5 and \$6"


def test_a_word_keeps_its_underscores():
    assert escaped("snake_case_2") == "snake_case_2"


def quoted(*children: nodes.Node) -> nodes.admonition:
    return nodes.admonition("", nodes.title("", "Check yourself"), *children)


def test_an_admonition_is_a_quotation_with_its_title(translator):
    (block,) = translator.blocks([quoted(nodes.paragraph("", "How many?"))])
    assert block == "> **Check yourself**\n>\n> How many?"


def test_an_answer_folds_and_markdown_goes_on_inside(translator):
    title = dropdown_title("", "", nodes.inline("", "Answer", classes=["sd-summary-text"]))
    answer = dropdown_main("", title, nodes.container("", nodes.paragraph("", "", nodes.strong("", "Nine"))))
    (block,) = translator.blocks([quoted(answer)])
    found = shown(block)
    assert "<details>\n<summary>Answer</summary>" in found
    assert "<p><strong>Nine</strong></p>\n</details>" in found


def test_a_numbered_formula_keeps_its_number(translator):
    formula = nodes.math_block("", "a = b", label="sum", number=3)
    assert list(translator.blocks([formula])) == ["$$\na = b\\tag{3}\n$$"]


def test_a_formula_in_a_quotation_or_a_list_has_nothing_of_either_in_it(translator):
    formula = nodes.math_block("", "a\n= b")
    (block,) = translator.blocks([quoted(nodes.bullet_list("", nodes.list_item("", formula)))])
    assert block.splitlines()[-1] == "> - $$a = b$$"


def test_words_in_a_formula_keep_their_underscores(translator):
    formula = nodes.math("", r"n_\text{conv1_1} + \text{a\_b}")
    assert translator.inline(nodes.paragraph("", "", formula)) == r"$n_\text{conv1\_1} + \text{a\_b}$"


def test_a_table_is_one(translator):
    def row(*cells: str) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))

    group = nodes.tgroup("", nodes.thead("", row("what", "how many")), nodes.tbody("", row("a|b", "2")))
    (block,) = translator.blocks([nodes.table("", group)])
    assert re.findall(r"<t[hd]>(.*?)</t", shown(block)) == ["what", "how many", "a|b", "2"]


def test_a_list_inside_a_list_stays_there(translator):
    inner = nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", "inner")))
    outer = nodes.enumerated_list("", *(nodes.list_item("", nodes.paragraph("", "outer"), inner) for _ in range(2)))
    (block,) = translator.blocks([outer])
    assert shown(block).count("<li>") == 4 and shown(block).count("<ol>") == 1


def test_code_may_hold_backticks(translator):
    line = nodes.paragraph("", "", nodes.literal("", "a `b` ``c``"))
    (block,) = translator.blocks([line])
    assert shown(block) == "<p><code>a `b` ``c``</code></p>\n"


def test_what_has_no_markdown_is_said_aloud(translator, caplog):
    with caplog.at_level("WARNING"):
        assert list(translator.blocks([nodes.paragraph("", "", nodes.citation_reference("", "x"))])) == []
    assert "no Markdown for <citation_reference>" in caplog.text


# Outputs -------------------------------------------------------------------------------------------------------------


def test_a_figure_becomes_an_image_that_needs_no_trust():
    fig, ax = plots.figure(width=4, height=2)
    plots.numbers(ax, torch.tensor([[1, 2]]), "a < b")
    bundle = portable(plots.show(fig, alt='One "row" of 1 and 2.', caption="Figure 1. A row & more.").markup)
    markup = bundle["text/html"]
    assert bundle["text/plain"] == '[figure: One "row" of 1 and 2.]'
    assert markup.count(FIGURE) == 1 and 'alt="One &quot;row&quot; of 1 and 2."' in markup
    assert "<figcaption>Figure 1. A row &amp; more.</figcaption>" in markup
    assert not re.search("<(svg|style|script)", markup)
    width, height = (int(re.search(rf'{side}="(\d+)"', markup)[1]) for side in ("width", "height"))
    assert abs(width / height - (4 * 72 + 20) / (2 * 72 + 20)) < 0.02
    svg = unquote(re.search(r'src="data:image/svg\+xml,([^"]*)"', markup)[1])
    assert f'width="{width}"' in svg and "a &lt; b" in svg


def test_of_an_explorer_a_sentence_stays():
    bundle = portable(ConvolutionStepper().page_html())
    assert re.fullmatch(
        r"<p><strong>Convolution stepper</strong>: a convolution of .*"
        r"\. It appears here when you run this cell and those above it\.</p>",
        bundle["text/html"],
    )


def test_a_table_stays_a_table():
    markup = plots.table({"n": [1, 2], "name": ["a", "b"]}).markup
    assert portable(markup) == {"text/html": markup}


def test_a_table_that_had_its_own_style_is_legible_without_it_and_says_where_its_controls_are():
    markup = "<style>td{color:red}</style><fieldset><input></fieldset><table><tr><td>a</td></tr></table>"
    assert portable(markup)["text/html"] == (
        "<p>The choices appear when you run this cell.</p>"
        '<table><tr><td style="text-align:left;vertical-align:top">a</td></tr></table>'
    )


# The site's notebooks ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read(site) -> Any:
    return lambda page: nbformat.read(notebook_path(site, page), 4)


def notebook_path(site: Path, page: str) -> Path:
    return site / "notebooks" / f"{page.removeprefix('book/')}.ipynb"


def prose(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def markdown_outputs(notebook: nbformat.NotebookNode) -> list[str]:
    found = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    return [data["text/markdown"] for data in found if "text/markdown" in data]


def html_outputs(notebook: nbformat.NotebookNode) -> str:
    found = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(data.get("text/html", "") for data in found)


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_a_notebook_is_valid_and_says_what_it_is_and_what_it_needs(site, read, page):
    notebook = read(page)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    about = notebook.cells[0].source
    assert "make lab" in about and f"`_build/html/notebooks/{page.removeprefix('book/')}.ipynb`" in about
    assert "The next build writes this file anew." in about


@pytest.mark.site
def test_only_pages_with_cells_have_a_notebook(site):
    made = {path.relative_to(site / "notebooks").as_posix() for path in (site / "notebooks").rglob("*.ipynb")}
    assert {name for name in made if ".ipynb_checkpoints" not in name} == {
        f"{page.removeprefix('book/')}.ipynb" for page in WITH_CELLS
    }


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_no_myst_is_left(read, page):
    notebook = read(page)
    text = CODE.sub("", "\n\n".join([prose(notebook), *markdown_outputs(notebook)]))
    assert MYST.findall(text) == []
    assert "glue" not in text and "pending_xref" not in text


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_the_cells_are_the_page_s_own_in_their_order_and_hidden_as_there(read, page):
    here = [cell for cell in read(page).cells if cell.cell_type == "code"]
    there = [cell for cell in CELLS[page] if cell.cell_type == "code"]
    assert [cell.source for cell in here] == [cell.source for cell in there]
    hiding = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
    assert [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in here] == [
        bool(hiding & set(cell.metadata.get("tags", ()))) for cell in there
    ]
    assert all(cell.execution_count is None for cell in here)


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_figures_printed_outputs_answers_and_headings_are_those_of_the_page(site, read, page):
    notebook, shown_there = read(page), (site / f"{page}.html").read_text()
    outputs = html_outputs(notebook)
    assert outputs.count(FIGURE) == shown_there.count('<figure class="pw-figure">')
    assert outputs.count("It appears here when you run this cell") == shown_there.count('<div class="pw-page">')
    assert not re.search("<(svg|script|style)", outputs)
    text = prose(notebook)
    assert text.count("<details>") == text.count("</details>") == shown_there.count('<details class="sd-')
    printed = sum(
        output.output_type == "stream" or set(output.get("data", {})) == {"text/plain"}
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    assert printed == len(re.findall(r'<div class="output (?:text_plain|stream)', shown_there))
    numbers = re.findall(r"\\tag\{([^}]*)\}", text)
    assert numbers == re.findall(r'<span class="eqno">\(([^)]*)\)', shown_there)


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_links_lead_to_files_of_the_site_and_to_headings_that_are_there(site, read, page):
    here = notebook_path(site, page)
    for target in re.findall(r"\]\(([^)\s]+)", CODE.sub("", prose(read(page)))):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        led = (here.parent / path).resolve() if path else here
        assert led.is_file(), target
        if anchor and led.suffix == ".ipynb":
            headings = re.findall(r"^#+ (.*)", prose(nbformat.read(led, 4)), re.MULTILINE)
            assert unquote(anchor) in [heading.replace(" ", "-") for heading in headings], target


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_every_work_that_is_cited_is_listed_at_the_end(site, read, page):
    notebook = read(page)
    cited = re.findall(r'bibliography\.html#(id\d+)"', (site / f"{page}.html").read_text())
    listed = re.findall(r"^- (.{20,})", prose(notebook).partition("\n## References\n")[2], re.MULTILINE)
    assert len(listed) == len(set(cited))


@pytest.mark.site
@pytest.mark.parametrize("page", WITH_CELLS)
def test_the_script_for_pages_on_disk_holds_the_same_file(site, page):
    path = notebook_path(site, page)
    packed = site / "_static" / f"{path.relative_to(site).as_posix()}.js"
    found = re.fullmatch(r'window\.pixelwisePacked = "([A-Za-z0-9+/=]*)";\n', packed.read_text())
    assert gzip.decompress(base64.b64decode(found[1])) == path.read_bytes()


@pytest.mark.site
@pytest.mark.browser
def test_a_page_on_disk_gives_its_notebook_to_save_by_keyboard_too(browser, site):
    with browser.new_context(offline=True, accept_downloads=True) as context:
        page = context.new_page()
        page.goto((site / f"{WITH_CELLS[1]}.html").as_uri())
        link = page.get_by_role("link", name="Notebook", exact=True)
        link.focus()
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        assert saved.value.suggested_filename == notebook_path(site, WITH_CELLS[1]).name
        assert Path(saved.value.path()).read_bytes() == notebook_path(site, WITH_CELLS[1]).read_bytes()


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize("page", [page for page in PAGES if page not in WITH_CELLS])
def test_a_page_without_cells_offers_no_notebook(browser, site, page):
    assert "pw-notebook" not in (site / f"{page}.html").read_text()


# In JupyterLab -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(site, tmp_path_factory) -> Iterator[Server]:
    """JupyterLab in a copy of the notebooks, since it writes beside them; it draws also what is off the screen."""
    folder, private = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("private")
    shutil.copytree(site / "notebooks", folder / "notebooks")
    settings = private / "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none", "kernelShutdown": True}))
    with jupyter_lab(folder, private, "--LabApp.expose_app_in_browser=True") as server:
        yield server


@pytest.fixture(scope="module")
def lab(server, browser) -> Iterator[Page]:
    with open_page(browser, server) as page:
        page.goto(server.at("lab/workspaces/notebooks"))
        page.wait_for_function("window.jupyterapp?.restored.then(() => true)")
        yield page


def opened(lab: Page, path: str) -> None:
    """Open a notebook in place of the one before."""
    lab.evaluate(
        """async (path) => {
            await jupyterapp.commands.execute("application:close-all");
            const panel = await jupyterapp.commands.execute("docmanager:open", { path, factory: "Notebook" });
            await panel.context.ready;
            await panel.revealed;
        }""",
        path,
    )


SEEN = """() => {
    const panel = document.querySelector(".jp-NotebookPanel"), cells = jupyterapp.shell.currentWidget.content.widgets;
    const texts = [...panel.querySelectorAll(".jp-MarkdownOutput, .jp-RenderedMarkdown")].map((shown) => {
        const copy = shown.cloneNode(true);
        for (const other of copy.querySelectorAll("pre, code, mjx-container")) other.remove();
        return copy.textContent;
    });
    return {
        formulas: panel.querySelectorAll("mjx-container").length,
        broken: [...panel.querySelectorAll("mjx-merror, [data-mjx-error]")].map((found) => found.textContent),
        raw: texts.flatMap((text) => text.match(/\\{[\\w:-]+\\}`|:::|\\$|\\\\begin|\\*\\*|<\\/?\\w+>|\\]\\(/g) ?? []),
        headings: panel.querySelectorAll(".jp-MarkdownOutput :is(h1, h2, h3, h4)").length,
        images: [...panel.querySelectorAll(".jp-OutputArea img")].map((image) => {
            const asked = Number(image.getAttribute("width"));
            const room = image.closest(".jp-RenderedHTMLCommon").clientWidth;
            const fits = Math.abs(image.width - Math.min(asked, room)) < 90;
            return image.complete && image.naturalWidth === asked && fits;
        }),
        answers: [...panel.querySelectorAll(".jp-MarkdownCell details")].map((fold) => {
            const [title, answer] = ["summary", "p"].map((name) => fold.querySelector(name).checkVisibility());
            return !fold.open && title && !answer;
        }),
        errors: panel.querySelectorAll("[data-mime-type*=error], [data-mime-type*=stderr]").length,
        trusted: cells.some((cell) => cell.model.type === "code" && cell.model.trusted),
    };
}"""


@pytest.mark.site
@pytest.mark.browser
@pytest.mark.parametrize("page", WITH_CELLS)
def test_jupyterlab_shows_the_whole_page_before_anything_is_trusted_or_run(lab, read, site, page):
    notebook = read(page)
    opened(lab, notebook_path(site, page).relative_to(site).as_posix())
    text = CODE.sub("", prose(notebook))
    headings = len(re.findall(r"^#+ ", text, re.MULTILINE))
    formulas = sum(len(FORMULA.findall(CODE.sub("", each))) for each in [text, *markdown_outputs(notebook)])
    deadline = time.monotonic() + 60
    # Cells are drawn one after the other, and so are formulas and images.
    while time.monotonic() < deadline:
        seen = lab.evaluate(SEEN)
        if seen["headings"] >= headings and seen["formulas"] >= formulas and all(seen["images"]):
            break
        time.sleep(0.2)
    assert (seen["headings"], seen["formulas"]) == (headings, formulas)
    assert (seen["broken"], seen["raw"], seen["errors"]) == ([], [], 0)
    assert seen["images"] == [True] * html_outputs(notebook).count(FIGURE)
    assert seen["answers"] == [True] * text.count("<details>")
    assert not seen["trusted"]


@pytest.mark.site
@pytest.mark.browser
def test_figures_follow_the_theme_of_jupyterlab(lab, site):
    opened(lab, notebook_path(site, WITH_CELLS[1]).relative_to(site).as_posix())
    figure = lab.locator(".jp-OutputArea img").first
    inked = {}
    for theme in (DARK, LIGHT):
        lab.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        lab.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
        figure.scroll_into_view_if_needed()
        inked[theme] = brightness(figure.screenshot())
    assert inked[DARK] < 80 and inked[LIGHT] > 200


def brightness(png: bytes) -> float:
    return ImageStat.Stat(Image.open(io.BytesIO(png)).convert("L")).median[0]


@pytest.mark.browser
def test_a_chapter_s_source_opens_as_text_and_cannot_be_saved_as_a_notebook(tmp_path):
    for path in ("nbgrader_config.py", f"{WITH_CELLS[1]}.md"):
        (tmp_path / "course" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / path).write_text((ROOT / path).read_text())
    (tmp_path / "private").mkdir()
    with jupyter_lab(tmp_path / "course", tmp_path / "private", "--config=nbgrader_config.py") as server:
        assert server.get(f"api/contents/{WITH_CELLS[1]}.md")["type"] == "file"
        with pytest.raises(OSError, match="Bad Request"):
            server.get(f"api/contents/{WITH_CELLS[1]}.md?type=notebook")
