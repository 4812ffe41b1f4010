"""JupyterLab on this machine, and a notebook open in it, driven through what a person sees."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, Route, expect

PATIENCE = 60_000  # milliseconds: two cores may be shared by more than these tests
DONE = re.compile(r"\s*\[\d+\]:\s*")  # the prompt of a cell that has run
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"
# What JupyterLab asks or fetches at its first start, and what would rewrite pasted text.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}


@dataclass(frozen=True)
class Server:
    """A running server: its address, the token that opens it, and where it writes its log."""

    url: str
    token: str
    log: Path

    def at(self, path: str) -> str:
        """The address of ``path`` that needs no further login."""
        return f"{self.url}/{path}{'&' if '?' in path else '?'}token={self.token}"

    def get(self, path: str) -> Any:
        """The server's answer to a request for ``path``, read as JSON."""
        with urllib.request.urlopen(self.at(path), timeout=30) as answer:
            return json.load(answer)


@contextmanager
def jupyter_lab(folder: Path, private: Path, *options: str) -> Iterator[Server]:
    """Run ``jupyter lab`` in ``folder`` as a user who has not run it before, whose own files are in ``private``."""
    for name, setting in SETTINGS.items():
        path = private / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(setting))
    theirs = {
        "HOME": private,
        "IPYTHONDIR": private / "ipython",
        "JUPYTER_CONFIG_DIR": private / "config",
        "JUPYTER_DATA_DIR": private / "data",
        "JUPYTER_RUNTIME_DIR": private / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": private / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": private / "workspaces",
    }
    environment = os.environ | {name: str(value) for name, value in theirs.items()}
    token, port, log = secrets.token_hex(12), free_port(), private / "server.log"
    words = ["lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    words += ["--allow-root", f"--IdentityProvider.token={token}", *options]
    program = Path(sys.executable).parent / "jupyter"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *words], cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}", token, log)
    try:
        _wait_until_up(server, process)
        yield server
    finally:
        # The server ends its kernels itself when it is told to go; only if it hangs its whole session is killed.
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("api/status")
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"JupyterLab did not come up; it said:\n{server.log.read_text()[-4000:]}")


@contextmanager
def open_page(browser: Any, server: Server, **options: Any) -> Iterator[Page]:
    """A page of its own that reaches ``server`` and nothing else, patient enough for a slow machine."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)

    def only_here(route: Route) -> None:
        if route.request.url.startswith(server.url):
            route.continue_()
        else:
            route.abort()

    context.route(re.compile("^https?:"), only_here)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.goto(server.at("api/status"))  # signs in: a page's own requests carry no token
    yield page
    context.close()


def choose(page: Page, *labels: str) -> None:
    """Choose an entry of JupyterLab's menu bar: ``choose(page, "Run", "Run All Cells")``."""
    page.locator(".lm-MenuBar-item", has_text=labels[0]).first.click()
    for label in labels[1:]:
        # By what is written there: an entry that opens a further menu has no role.
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()


@dataclass
class Notebook:
    """A notebook open in JupyterLab. ``complaints`` gathers the errors and warnings that the browser logs."""

    page: Page
    saved: dict[str, Any] = field(default_factory=dict)  # the file's content when it was last opened or saved
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, page: Page, server: Server, path: str) -> Notebook:
        """Open the notebook at ``path`` below the server's folder, and wait until its cells and its kernel are there.

        A cell that is run before its kernel is there makes JupyterLab ask which kernel to take.
        """
        notebook = cls(page, server.get(f"api/contents/{path}")["content"])

        def listen(message: ConsoleMessage) -> None:
            # How long a plugin takes to start is a word on the machine, which may be busy.
            if message.type in ("error", "warning") and "ms to activate" not in message.text:
                notebook.complaints.append(f"{message.type}: {message.text}")

        page.on("console", listen)
        page.on("pageerror", lambda error: notebook.complaints.append(str(error)))
        # A workspace of its own, or JupyterLab would bring back what another page had open.
        page.goto(server.at(f"lab/workspaces/{secrets.token_hex(4)}/tree/{path}"))
        expect(notebook.code_cells).to_have_count(sum(cell["cell_type"] == "code" for cell in notebook.saved["cells"]))
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
        return notebook

    @property
    def code_cells(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")

    def cell(self, text: str) -> Locator:
        """The code cell whose source contains ``text``."""
        return self.code_cells.filter(has=self.page.locator(".jp-InputArea-editor", has_text=text))

    def number(self, cell: Locator) -> str:
        """What stands beside ``cell``, when it has run: ``[3]``.

        Its ``inner_text()`` is empty while the cell is scrolled out of view, for JupyterLab has the browser skip the
        layout of such cells (``content-visibility: auto``). So the text is read, as ``to_have_text`` does.
        """
        prompt = cell.locator(".jp-InputArea-prompt")
        expect(prompt).to_have_text(DONE)
        return (prompt.text_content() or "").strip(": \n")

    def run_all(self) -> None:
        """Run > Run All Cells, and wait until every one is done."""
        choose(self.page, "Run", "Run All Cells")
        prompts = self.code_cells.locator(".jp-InputArea-prompt")
        for place in range(prompts.count()):
            expect(prompts.nth(place)).to_have_text(DONE)

    def write(self, cell: Locator, source: str) -> None:
        """Replace what is in ``cell`` by pasting ``source``."""
        editor = cell.locator(".cm-content")
        editor.click()
        self.page.evaluate("text => navigator.clipboard.writeText(text)", source)
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.press("ControlOrMeta+V")
        expect(editor).to_contain_text(source.strip().splitlines()[-1].strip())

    def run(self, cell: Locator) -> Locator:
        """Run ``cell`` with Shift+Enter and return its output, when it is done."""
        prompt = cell.locator(".jp-InputArea-prompt")
        before = prompt.text_content() or ""  # not inner_text(): see number()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        if DONE.fullmatch(before.strip()):
            expect(prompt).not_to_have_text(before)
        expect(prompt).to_have_text(DONE)
        return cell.locator(".jp-OutputArea-output")

    def save(self) -> None:
        """Save with the keyboard, and keep what was sent to the file as ``saved``."""
        with self.page.expect_request(lambda r: r.method == "PUT" and "/api/contents/" in r.url) as sent:
            self.page.keyboard.press("ControlOrMeta+S")
        answer = sent.value.response()
        assert answer is not None and answer.ok, "the notebook could not be saved"
        self.saved = sent.value.post_data_json["content"]

    def theme(self, name: str) -> None:
        """Settings > Theme > ``name``."""
        choose(self.page, "Settings", "Theme", name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)
