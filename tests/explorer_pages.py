"""What the tests of explorers share: their vectors, both ways to run their JavaScript, and the pages that show them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pixelwise import explorers

EXPLORERS = Path(explorers.__file__).parent
THEMES = ("light", "dark")

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; the browser runs the same")


def vectors(name):
    return json.loads((EXPLORERS / f"{name}_vectors.json").read_text())


def in_node(explorer, answer, asked, folder):
    """What the JavaScript function `answer` makes of the module of an explorer's class and of its vectors."""
    (folder / "module.mjs").write_text(explorer._esm)
    (folder / "answer.mjs").write_text(
        f'import * as explorer from "./module.mjs"; const asked = {json.dumps(asked)};'
        f"process.stdout.write(JSON.stringify(({answer})(explorer, asked)));"
    )
    ran = subprocess.run(["node", "answer.mjs"], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def in_browser(explorer, answer, asked, browser):
    return browser.new_page().evaluate(
        """async ([source, asked, answer]) => {
            const explorer = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
            return eval(answer)(explorer, asked);
        }""",
        [explorer._esm, asked, answer.strip()],
    )


def said(page):
    return page.locator(".pw-say").inner_text()


def choose(page, label, option):
    page.get_by_label(label).select_option(option)
