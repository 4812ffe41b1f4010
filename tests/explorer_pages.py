"""What the tests of explorers share: their vectors, both ways to run their JavaScript, and the pages that show them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch.nn.functional as F

from pixelwise import explorers
from pixelwise.data.scenes import CLASSES, scenes
from pixelwise.explorers.skip_fusion import SkipFusion

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


def fusion_of_scenes(count=2, size=96, **options):
    """A skip-fusion viewer of generated scenes: each finer score adds what the coarser ones leave of the truth."""
    made = scenes(count, size, seed=4)
    truth = F.one_hot(made.labels, len(CLASSES)).movedim(-1, 1).float()
    scores, left = [], 8 * truth - 4
    for stride in (32, 16, 8):
        scores.append(F.avg_pool2d(left, stride))
        left = left - F.interpolate(scores[-1], scale_factor=stride, mode="bilinear", align_corners=False)
    return SkipFusion(made.images, made.labels, *scores, **options)
