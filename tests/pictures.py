"""Takes the README's pictures: a page of the site, and a failing check in JupyterLab. `make pictures` runs it."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from autograder.authoring import sample_class
from autograder.course.assignment import load_assignment
from tests.lab import Notebook, jupyter_lab, open_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "_build/html/book/01-convolution/receptive-fields.html"
STATIC = ROOT / "book/_static"
SITE, CHECK = STATIC / "readme-site.png", STATIC / "readme-check.png"
MOST_BYTES = 300_000


def main() -> int:
    """Write both pictures; say what is missing if they cannot be taken."""
    if not PAGE.is_file():
        print(f"{PAGE.relative_to(ROOT)} is not there; run `make site` first", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        write(SITE, site(browser))
        write(CHECK, check(browser))
        browser.close()
    return 0


def site(browser: Browser) -> bytes:
    """Chapter 3 at its explorer."""
    page = browser.new_page(viewport={"width": 1200, "height": 1010})
    page.goto(PAGE.as_uri())
    page.get_by_label("Preset stack").select_option("ResNet stem")
    page.locator(".pw-rf-map").hover(position={"x": 40, "y": 90})
    page.locator("#try-it").evaluate(
        "section => scrollTo({top: section.getBoundingClientRect().top + scrollY - 64, behavior: 'instant'})"
    )
    page.evaluate("document.fonts.ready")
    return page.screenshot(animations="disabled")


def check(browser: Browser) -> bytes:
    """What a student sees who flipped the kernel: the check's cell and the first failure below it."""
    assignment = load_assignment(ROOT, "a1-convolution")
    wrong = sample_class.reference_sources(assignment)["conv2d"].replace("windows, w)", "windows, w.flip(-1, -2))")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / assignment.name
        shutil.copytree(assignment.release, folder)
        look: dict[str, Any] = {"viewport": {"width": 1280, "height": 1400}, "device_scale_factor": 1.5}
        with jupyter_lab(folder, Path(scratch) / "private") as server, open_page(browser, server, **look) as page:
            notebook = Notebook.open(page, server, f"{assignment.name}.ipynb")
            notebook.run_all()
            solution, cell = notebook.cell("def conv2d("), notebook.cell('check("conv2d")')
            notebook.write(solution, wrong)
            notebook.run(solution)
            first = notebook.run(cell).locator(".pw-case").first
            cell.evaluate("cell => cell.scrollIntoView({block: 'start'})")
            top, bottom = cell.bounding_box(), first.bounding_box()
            assert top is not None and bottom is not None
            start = top["y"] + 4  # below the line that JupyterLab's tool bar ends with
            height = bottom["y"] + bottom["height"] - start
            return page.screenshot(clip={**top, "y": start, "height": height}, animations="disabled")


def write(path: Path, png: bytes) -> None:
    """Write a screenshot with a palette in place of full colour, a third of the size."""
    small = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {small.width}×{small.height}, {path.stat().st_size // 1000} kB")
    assert path.stat().st_size < MOST_BYTES, f"{path.name} is too large for a README"


if __name__ == "__main__":
    sys.exit(main())
