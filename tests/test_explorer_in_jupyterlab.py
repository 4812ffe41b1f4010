"""The receptive-field explorer in JupyterLab: a live widget whose state the kernel shares."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(tmp_path):
    """JupyterLab in an empty folder; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).parent / "jupyter-lab"
    flags = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen([str(program), *flags], stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api/status").close()
                break
            except urllib.error.URLError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
        yield address
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
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    code.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")

    said = page.locator(".pw-rf-say")
    said.wait_for(timeout=60_000)
    assert "Unit (3, 3) of pool5" in said.inner_text()
    # The colours are variables: without them everything would be black.
    assert page.locator(".pw-rf-chosen").evaluate("mark => getComputedStyle(mark).fill") == "rgb(194, 86, 10)"
    page.locator(".pw-rf-map").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("kernel of conv1").fill("9")

    code.nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text="unit [3, 2] kernel 9").wait_for(timeout=20_000)

    code.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.querySelector('.pw-rf-say').textContent.startsWith('Unit (0, 5) ')")
    context.close()
