"""A student's hour in JupyterLab: the released notebook, right and wrong solutions, an explorer, in a real browser."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from autograder.course.assignment import Assignment
from tests.lab import DARK, LIGHT, Notebook, Server, choose, jupyter_lab, open_page

pytestmark = pytest.mark.browser

LOOPING = """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError("image and kernel disagree about channels")
    rows = (x.shape[2] + 2 * ph - dh * (w.shape[2] - 1) - 1) // sh + 1
    columns = (x.shape[3] + 2 * pw - dw * (w.shape[3] - 1) - 1) // sw + 1
    x = F.pad(x, (pw, pw, ph, ph))
    y = x.new_zeros(x.shape[0], w.shape[0], rows, columns)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            seen = x[:, :, i * dh :: sh, j * dw :: sw][:, :, :rows, :columns]
            y = y + torch.einsum("nchw,oc->nohw", seen, w[:, :, i, j])
    return y if b is None else y + b[:, None, None]
"""

EXPLORER = """
from pixelwise.explorers.receptive_field import ReceptiveFieldExplorer

explorer = ReceptiveFieldExplorer(depth=2, unit=(3, 4))
explorer
"""


@pytest.fixture(scope="module")
def server(a1: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab in what a student gets, with a notebook beside it that shows the explorer."""
    folder = tmp_path_factory.mktemp("student") / a1.name
    shutil.copytree(a1.release, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (EXPLORER, "explorer.unit")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "explorer.ipynb")
    with jupyter_lab(folder, tmp_path_factory.mktemp("private")) as server:
        yield server


@pytest.fixture(scope="module")
def notebook(a1: Assignment, server: Server, browser: Any) -> Iterator[Notebook]:
    """The released notebook, all of whose cells have been run."""
    with open_page(browser, server) as page:
        notebook = Notebook.open(page, server, f"{a1.name}.ipynb")
        notebook.run_all()
        notebook.save()
        yield notebook


@pytest.fixture(scope="module")
def released(notebook: Notebook) -> list[dict[str, Any]]:
    """The code cells of the release as they were saved after the first run, before any test wrote into them."""
    return [cell for cell in notebook.saved["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def sentences(a1: Assignment) -> dict[str, str]:
    """What conv2d's visible tests say when they fail, as a browser shows it."""
    suite = ast.parse((a1.release / "tests" / "test_conv2d.py").read_text())
    functions = [node for node in suite.body if isinstance(node, ast.FunctionDef)]
    return {node.name: (ast.get_docstring(node) or "").replace("`", "") for node in functions}


def checked(notebook: Notebook, source: str) -> Locator:
    """Paste ``source`` for conv2d, run it, run its check, and return what that shows."""
    solution = notebook.cell("def conv2d(")
    notebook.write(solution, source)
    notebook.run(solution)
    return notebook.run(notebook.cell('check("conv2d")')).locator(".pw-check")


def flipped(reference: dict[str, str]) -> str:
    """The commonest mistake: the mathematician's convolution."""
    wrong = reference["conv2d"].replace("windows, w)", "windows, w.flip(-1, -2))")
    assert wrong != reference["conv2d"]
    return wrong


def test_every_cell_of_the_untouched_release_runs(released: list[dict[str, Any]]) -> None:
    assert [cell["execution_count"] for cell in released] == list(range(1, len(released) + 1))
    kinds = {output["output_type"] for cell in released for output in cell["outputs"]}
    assert kinds == {"display_data"}, "an error or a stray print"


def test_every_check_of_the_untouched_release_says_kindly_that_nothing_is_written_yet(
    a1: Assignment, released: list[dict[str, Any]]
) -> None:
    *said, everything = ["".join(cell["outputs"][0]["data"]["text/plain"]) for cell in released if cell["outputs"]]
    assert len(said) == len(a1.exercises)
    for exercise, text in zip(a1.exercises.values(), said, strict=True):
        assert text.startswith(f"○ {exercise.title}: not written yet")
    assert everything.startswith("Convolution: 0 of 27 points by the tests that you have, and up to 3 more when")


def test_a_right_solution_turns_its_check_green(
    notebook: Notebook, reference: dict[str, str], sentences: dict[str, str]
) -> None:
    result = checked(notebook, reference["conv2d"])
    expect(result).to_have_class(re.compile("pw-good"))
    expect(result.locator(".pw-head")).to_contain_text(f"all {len(sentences)} tests pass")


def test_an_error_in_the_syntax_takes_the_green_away(notebook: Notebook, reference: dict[str, str]) -> None:
    expect(checked(notebook, reference["conv2d"])).to_have_class(re.compile("pw-good"))
    result = checked(notebook, reference["conv2d"].replace(") -> torch.Tensor:", ") -> torch.Tensor"))
    expect(result).not_to_have_class(re.compile("pw-good"))
    solution = notebook.number(notebook.cell("def conv2d("))
    expect(result).to_contain_text(f"Nothing was tested, for cell {solution} failed: SyntaxError: expected ':' (line 8")


def test_what_is_tested_is_named_by_the_number_beside_its_cell(notebook: Notebook, reference: dict[str, str]) -> None:
    result = checked(notebook, reference["conv2d"])
    # Out of view, where the browser has no layout of the number.
    notebook.code_cells.last.locator(".cm-content").click()
    solution = notebook.number(notebook.cell("def conv2d("))
    expect(result.locator(".pw-foot")).to_contain_text(f"Tested: conv2d as cell {solution} defined it.")


def test_a_call_that_does_not_end_is_stopped_and_the_next_check_works(
    notebook: Notebook, reference: dict[str, str], sentences: dict[str, str]
) -> None:
    result = checked(
        notebook, "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    while True: pass\n    # end"
    )
    expect(result.locator(".pw-case").first).to_contain_text("conv2d took longer than 3 s and was stopped in line 2:")
    result = checked(notebook, reference["conv2d"])
    expect(result.locator(".pw-head")).to_contain_text(f"all {len(sentences)} tests pass")


def test_a_check_that_is_interrupted_names_the_test_and_the_line(notebook: Notebook) -> None:
    solution, cell = notebook.cell("def conv2d("), notebook.cell('check("conv2d")')
    source = "import time\ndef conv2d(x, w, **others):\n    time.sleep(9)  # asleep"
    notebook.write(solution, source)
    notebook.run(solution)
    cell.locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-InputArea-prompt")).to_have_text(re.compile(r"\[\*\]"))
    notebook.page.wait_for_timeout(3000)
    choose(notebook.page, "Kernel", "Interrupt Kernel")
    expect(cell.locator(".pw-check")).to_contain_text("The check was interrupted in the test “Finds a pattern”")
    expect(cell.locator(".pw-check")).to_contain_text("It was in line 3 of conv2d: time.sleep(9)  # asleep.")


def test_a_check_of_everything_shows_the_points(a1: Assignment, notebook: Notebook, reference: dict[str, str]) -> None:
    checked(notebook, reference["conv2d"])
    result = notebook.run(notebook.cell("check()")).locator(".pw-check")
    expect(result.locator(".pw-head")).to_contain_text("6 of 27 points")
    rows = result.locator("tbody tr")
    expect(rows).to_have_count(len(a1.manifest.exercise))
    expect(rows.nth(2)).to_contain_text("The layer")
    expect(rows.nth(2)).to_contain_text("6 of 6")


def test_a_solution_is_handed_in_as_it_was_pasted(notebook: Notebook, reference: dict[str, str]) -> None:
    checked(notebook, reference["conv2d"])
    notebook.save()
    sources = ["".join(cell["source"]) for cell in notebook.saved["cells"]]
    assert reference["conv2d"] in sources


def test_a_flipped_kernel_is_told_in_the_sentence_of_the_test_that_it_fails(
    notebook: Notebook, reference: dict[str, str], sentences: dict[str, str]
) -> None:
    result = checked(notebook, flipped(reference))
    expect(result.locator(".pw-case").first).to_contain_text(sentences["test_finds_a_pattern"])


def test_a_flipped_kernel_is_shown_the_first_number_that_differs(notebook: Notebook, reference: dict[str, str]) -> None:
    first = checked(notebook, flipped(reference)).locator(".pw-case").first
    expect(first).to_contain_text("The first is at [0, 0, 0, 0]")
    expect(first.locator(".pw-versus code")).to_have_text(["9", "1"])


def test_a_flipped_kernel_is_shown_where_the_arrays_differ(notebook: Notebook, reference: dict[str, str]) -> None:
    pictures = checked(notebook, flipped(reference)).locator(".pw-case").first.locator("figure svg image")
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()  # it has no size while its cell is out of view
        size = picture.bounding_box()
        assert size is not None and min(size["width"], size["height"]) > 20


def test_a_loop_is_shown_its_counts_at_three_sizes(notebook: Notebook) -> None:
    rows = checked(notebook, LOOPING).locator("table.pw-counts tbody tr")
    expect(rows).to_have_count(3)
    steps = [int((row.locator("td").nth(1).text_content() or "").replace(",", "")) for row in rows.all()]
    assert steps[0] < steps[1] < steps[2]


def test_a_loop_is_shown_its_own_lines(notebook: Notebook) -> None:
    expect(checked(notebook, LOOPING)).to_contain_text("for j in range(w.shape[3])")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_result_can_be_read_in_the_theme(notebook: Notebook, reference: dict[str, str], theme: str) -> None:
    results = [checked(notebook, flipped(reference)), notebook.run(notebook.cell("check()")).locator(".pw-check")]
    notebook.theme(theme)
    faint = [text for result in results for text in result.evaluate(FAINT_TEXTS)]
    notebook.theme(LIGHT)
    assert faint == []


def test_no_result_makes_the_browser_complain(notebook: Notebook, reference: dict[str, str]) -> None:
    notebook.complaints.clear()
    for source in (reference["conv2d"], flipped(reference), LOOPING):
        checked(notebook, source)
    assert notebook.complaints == []


# Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3), each with its contrast.
FAINT_TEXTS = """
(root) => {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, under) => under.map((c, i) => i < 3 ? top[i] * top[3] + c * (1 - top[3]) : 1);
  const ground = (element) => {
    const grounds = [];
    for (let e = element; e; e = e.parentElement) grounds.unshift(rgba(getComputedStyle(e).backgroundColor));
    return grounds.reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || element.closest("svg, style") || !element.checkVisibility()) continue;
    const under = ground(element);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), under)), light(under)].sort((a, b) => b - a);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${text.slice(0, 60)}`);
  }
  return faint;
}
"""


@pytest.fixture(scope="module")
def explorer(server: Server, browser: Any) -> Iterator[Notebook]:
    """A notebook with the receptive-field explorer on a live kernel."""
    with open_page(browser, server) as page:
        notebook = Notebook.open(page, server, "explorer.ipynb")
        notebook.run_all()
        expect(page.locator(".pw-rf-say")).to_contain_text("field of")
        yield notebook


def test_the_explorer_tells_python_where_one_points(explorer: Notebook) -> None:
    cell = explorer.cell("explorer.unit")
    explorer.write(cell, "explorer.unit = [3, 4]")
    explorer.run(cell)
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (3, 4)")
    explorer.page.locator(".pw-rf-map").press("ArrowDown")
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (4, 4)")
    explorer.write(cell, "explorer.unit")
    expect(explorer.run(cell)).to_have_text("[4, 4]")


def test_the_explorer_follows_python(explorer: Notebook) -> None:
    cell = explorer.cell("explorer.unit")
    explorer.write(cell, "explorer.unit = [5, 1]")
    explorer.run(cell)
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (5, 1)")


def test_the_explorer_tells_python_of_an_edited_layer(explorer: Notebook) -> None:
    explorer.page.get_by_label("kernel of conv1").fill("9")
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("field of")
    cell = explorer.cell("explorer.unit")
    explorer.write(cell, "explorer.unit and explorer.layers[0]['kernel']")  # still the cell that mentions the unit
    expect(explorer.run(cell)).to_have_text("9")


def test_the_explorer_makes_the_browser_complain_of_nothing(explorer: Notebook) -> None:
    explorer.page.locator(".pw-rf-map").press("PageDown")
    explorer.page.get_by_label("Preset stack").select_option("alexnet_paper")
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (")
    assert explorer.complaints == []


def test_a_unit_that_a_smaller_image_leaves_outside_is_the_same_one_in_python_and_in_the_view(
    explorer: Notebook,
) -> None:
    cell = explorer.cell("explorer.unit")
    explorer.write(cell, "explorer.pixels, explorer.depth, explorer.unit = 227, 2, [9, 3]")
    explorer.run(cell)
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (9, 3)")
    explorer.write(cell, "explorer.pixels = 51\nexplorer.unit")
    expect(explorer.run(cell)).to_have_text("[4, 3]")
    expect(explorer.page.locator(".pw-rf-say")).to_contain_text("Unit (4, 3)")


def test_keys_of_an_explorer_s_own_controls_leave_the_notebook_as_it_is(explorer: Notebook) -> None:
    preset = explorer.page.get_by_label("Preset stack")
    preset.focus()
    cells = explorer.code_cells.count()
    active = "[...document.querySelectorAll('.jp-Cell')].findIndex((cell) => cell.matches('.jp-mod-active'))"
    before = explorer.page.evaluate(active)
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "b", "a"):
        preset.press(key)
    explorer.page.get_by_role("button", name="Add a layer").press("b")
    expect(explorer.code_cells).to_have_count(cells)
    assert explorer.page.evaluate(active) == before
