"""The receptive-field explorer in JupyterLab: a live widget whose state the kernel shares."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(tmp_path):
    """JupyterLab in an empty folder; yields its address."""
    program = Path(sys.executable).parent / "jupyter-lab"
    flags = ["--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=", f"--notebook-dir={tmp_path}"]
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen([str(program), *flags], stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        for _ in range(120):
            time.sleep(0.5)
            if address := re.search(r"(http://(?:localhost|127\.0\.0\.1):\d+)/lab", log.read_text()):
                with urllib.request.urlopen(f"{address[1]}/api/status") as answer:
                    json.load(answer)
                break
        else:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
        yield address[1]
    finally:
        server.terminate()
        server.wait(20)


def test_the_explorer_and_the_kernel_share_their_state(lab, tmp_path, browser):
    cells = [
        "from pixelwise import stacks\nfrom pixelwise.explorers import ReceptiveFieldExplorer\n"
        "explorer = ReceptiveFieldExplorer(stacks.ALEXNET, pixels=227)\nexplorer",
        "print('unit', explorer.unit, 'kernel', explorer.layers[0]['kernel'])",
        "explorer.unit = [0, 5]",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "explorer.ipynb")

    context = browser.new_context(viewport={"width": 1400, "height": 1500})
    page = context.new_page()
    page.goto(f"{lab}/lab/tree/explorer.ipynb?reset")
    code = page.locator(".jp-Notebook .jp-CodeCell")
    code.nth(0).locator(".cm-content").click(timeout=60_000)
    page.keyboard.press("Shift+Enter")

    said = page.locator(".pw-rf-say")
    said.wait_for(timeout=60_000)
    assert "Unit (3, 3) of pool5" in said.inner_text()
    page.locator(".pw-rf-map").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("kernel of conv1").fill("9")

    code.nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text="unit [3, 2] kernel 9").wait_for(timeout=20_000)

    code.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.querySelector('.pw-rf-say').textContent.startsWith('Unit (0, 5) ')")
    page.screenshot(path="/tmp/shots/lab.png")
    context.close()
