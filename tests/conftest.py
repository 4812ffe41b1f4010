"""What the tests share: the course they test, copies of it to grade in, and a browser."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from autograder.authoring import sample_class
from autograder.course.assignment import Assignment, load_assignment
from autograder.course.submission import Cell, Submission
from autograder.grading.retries import process_supervisor
from autograder.jail.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
A1 = "a1-convolution"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


# The longest files are started first, so that no worker waits for another in the end.
LONGEST = (
    "redteam",
    "suites",
    "validate",
    "sample_class",
    "site",
    "fuzz",
    "site_cache",
    "formgrader",
    "lab",
    "notebooks",
    "kills",
    "names",
    "explorers",
    "camvid",
    "comparison",
    "zoo",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


class FailuresAtOnce:
    """Prints each failure's name and reason when it happens, so that a run which is cut short has told them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message if crash else report.longreprtext
            reporter = self.config.pluginmanager.get_plugin("terminalreporter")
            reporter.write_line(f"\nFAILED {report.nodeid} ({report.when}): {' '.join(reason.split())[:300]}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # not in xdist's workers, which send their reports to one process
        config.pluginmanager.register(FailuresAtOnce(config))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more time in small networks than they save."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def a1() -> Assignment:
    return load_assignment(ROOT, A1)


@pytest.fixture(scope="session")
def supervisor() -> Supervisor:
    return process_supervisor()


@pytest.fixture
def make_course(tmp_path: Path) -> Callable[..., Path]:
    """Copies what a course needs into an empty folder, so that grading there touches nothing here."""
    return lambda: copy_course(tmp_path / "course")


def copy_course(target: Path) -> Path:
    empty_course(target)
    for name in ("solutions", "assignments"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return target


def empty_course(target: Path) -> Path:
    """A course without an assignment."""
    target.mkdir(parents=True)
    shutil.copy(ROOT / "nbgrader_config.py", target)
    return target


@pytest.fixture(scope="session")
def reference(a1: Assignment) -> dict[str, str]:
    """The reference solutions' sources, by exercise."""
    return sample_class.reference_sources(a1)


@pytest.fixture
def submit(a1: Assignment) -> Callable[..., Submission]:
    """Makes a submission to a1 from the sources of its code cells."""

    def make(*sources: str, student: str = "somebody") -> Submission:
        cells = tuple(Cell("code", source) for source in sources)
        return Submission(student, A1, ROOT, cells, digest="\0".join(sources))

    return make


def command(*words: str, cwd: Path, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run one of the environment's commands as a user would."""
    import sys

    program = Path(sys.executable).parent / words[0]
    return subprocess.run([str(program), *words[1:]], cwd=cwd, capture_output=True, text=True, check=check, timeout=900)


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site; `make` builds it when it is missing or older than what it is built from."""
    SITE.parent.mkdir(exist_ok=True)
    with FileLock(SITE.parent / ".site.lock"):  # the workers of one test run share the folder
        built = subprocess.run(["make", "site"], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return SITE


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium, the machine's own."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser, tmp_path):
    """Opens an explorer on a page of its own, offline; at the end nothing may have been asked for or complained."""
    contexts, complaints = [], []

    def open_page(widget, viewport=DESK, theme="light", **options):
        html = widget._repr_mimebundle_()[0]["text/html"]
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(
            '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<html lang="en" data-theme="{theme}"><title>An explorer</title><body>{html}</body></html>'
        )
        context = browser.new_context(viewport=viewport, color_scheme=theme, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda r: r.url.startswith(("file:", "blob:", "data:")) or complaints.append(r.url))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(f"{m.type}: {m.text}"))
        page.goto(path.as_uri(), wait_until="load")
        page.locator(".pw-frame").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
