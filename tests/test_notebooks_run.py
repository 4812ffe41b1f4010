"""Every page's notebook runs from its first cell to its last, as JupyterLab would run it: in its folder, in order."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_notebooks import CELLS, WITH_CELLS, notebook_path

pytestmark = [pytest.mark.proof, pytest.mark.site]
SECONDS = 1800  # of one cell: some train networks, where the build did not leave them


@pytest.mark.parametrize("page", WITH_CELLS)
def test_all_cells_run_and_show_what_the_page_shows(site, page):
    path = notebook_path(site, page)
    built = nbformat.read(path, 4)
    ran = nbformat.read(path, 4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        ran, timeout=SECONDS, kernel_name="python3", resources=resources
    ).execute()  # raises where a cell does
    code = [cell for cell in ran.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [cell.source for cell in code] == [cell.source for cell in CELLS[page] if cell.cell_type == "code"]
    assert [output.text for cell in code for output in cell.outputs if output.get("name") == "stderr"] == []
    assert count(ran, r'<figure class="pw-figure">') == count(built, r"<figure><img ")
    assert count(ran, r'<div class="pw-page">') == count(built, "It appears here when you run this cell")


def count(notebook: nbformat.NotebookNode, pattern: str) -> int:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return sum(len(re.findall(pattern, output.get("data", {}).get("text/html", ""))) for output in outputs)
