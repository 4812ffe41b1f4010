"""Builds the site with Jupyter Book, every cell executed and warnings as errors: what `make site` runs, in the root.

Where many pages are to be read, each core reads one of them at a time. (The command `jupyter-book build` reads one page
after another and has no option for this, so its function for Sphinx is called instead.)

All that Jupyter Book prints goes to `_build/site.log`. Shown are how far the build is (on a terminal as one line that
changes, elsewhere as a line for every page that was executed) and why a build failed.
"""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import psutil
from rich.console import Console
from sphinx_external_toc.parsing import parse_toc_yaml

LOG = Path("_build/site.log")
# What Sphinx and MyST-NB print while they build.
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
OUTDATED = re.compile(r"(\d+) added, (\d+) changed, \d+ removed")
READ = re.compile(r"reading sources\.\.\. \[ *\d+%\] ")
EXECUTING = re.compile(r"(\S+?)(?:\.md|\.ipynb): Executing notebook ")
EXECUTED = re.compile(r"(\S+?)(?:\.md|\.ipynb): Executed notebook in ([\d.]+) seconds")
WRITING = re.compile(r"writing output\.\.\. \[ *(\d+)%\] (\S+)")
# What they print when something is wrong. A cell's traceback is in a file of its own, below a line of this kind.
PROBLEM = re.compile(r"\b(WARNING|ERROR|CRITICAL): |[Ee]rror: *\S")
TRACEBACK = re.compile(r"traceback saved in: (\S+)")
RULE = "-" * 75
# A kernel that trains holds up to a gigabyte.
MOST_PROCESSES = 4
WORKER = "--in-this-process"
PR_SET_CHILD_SUBREAPER = 36  # of prctl(2), Linux


def main() -> int:
    """Build the book in the current folder; return Jupyter Book's exit status."""
    print(f"== building the site ({len(parse_toc_yaml('_toc.yml'))} pages; log in {LOG})", flush=True)
    LOG.parent.mkdir(exist_ok=True)
    start = time.monotonic()
    stopped = False
    # -P: modules are found as anywhere else, not first beside this file.
    worker = [sys.executable, "-P", __file__, WORKER]
    with (
        LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(worker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as build,
    ):
        # A build that goes on without anybody following it would disturb the next one.
        def stop(*_: object) -> None:
            nonlocal stopped
            if build.poll() is None:
                stopped = True
                end(psutil.Process(build.pid))

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        follow(copied(build.stdout, log), Console())
    if stopped:
        print("The build was stopped, and the site is not whole. The next build reads every page again.")
        return 1
    if build.returncode:
        print(*problems(LOG.read_text(encoding="utf-8").splitlines()), sep="\n")
        print(f"The site was not built. Everything that Jupyter Book printed is in {LOG}.")
    else:
        print(f"   built in {time.monotonic() - start:.0f} s")
    return build.returncode


def jupyter_book() -> int:
    """Build the book in the current folder in this process; return its exit status."""
    from jupyter_book.sphinx import build_sphinx

    if sys.platform == "linux":
        # A kernel whose process has ended becomes this one's child, so that it is found below. (It ends by itself in
        # most cases, but not where it had just begun to start, and then it keeps the pipe open that main reads.)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    root = Path.cwd()
    try:
        result = build_sphinx(
            root,
            root / "_build" / "html",
            noconfig=True,
            path_config=root / "_config.yml",
            confoverrides={"external_toc_path": str(root / "_toc.yml"), "latex_individualpages": False},
            warningiserror=True,
            keep_going=True,
            jobs=min(os.cpu_count() or 1, MOST_PROCESSES),
        )
    finally:
        # When one of the processes that read pages fails, Sphinx asks the others to end and waits for them. A notebook
        # client whose kernel is about to start can wait for ever then.
        for process in psutil.Process().children():
            end(process)
    return int(result != 0)


def end(root: psutil.Process) -> None:
    """End a process and all that it has started, whatever they wait for; kernels have sessions of their own."""
    found: list[psutil.Process] = []
    while new := [process for process in (root, *_children(root)) if process not in found]:
        for process in new:
            _signal(process, signal.SIGSTOP)  # so that it starts nothing more
        found += new
    for process in found:
        _signal(process, signal.SIGKILL)


def _children(root: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return root.children(recursive=True)
    return []


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def copied(lines: Iterable[str], log: TextIO) -> Iterator[str]:
    """Yield lines without their colours, each after it was written to the log."""
    for line in lines:
        plain = COLOURS.sub("", line)
        log.write(plain)
        log.flush()
        yield plain


def follow(lines: Iterable[str], console: Console) -> None:
    """Show on the console how far a build has come, as told by the lines that it prints."""
    number, count, executed = 0, 0, 0
    with console.status("starting Jupyter Book") as status:  # shown on terminals only
        for line in lines:
            if found := OUTDATED.search(line):
                # New pages are among the changed ones: pixelwise_site finds both by their contents.
                count = int(found[2])
                status.update(f"reading {count} pages and running their cells")
            elif READ.search(line):
                # Of one page after another this line comes before its cells are run, of several at a time afterwards.
                number += 1
                status.update(f"reading pages and running their cells: {number} of {count}")
            elif found := EXECUTING.search(line):
                status.update(f"executing page {number} of {count}: {_page(found[1])}")
            elif found := WRITING.search(line):
                status.update(f"writing, {found[1]} %: {found[2]}")
            elif found := EXECUTED.search(line):
                executed += 1
                if not console.is_terminal:
                    seconds = float(found[2])
                    print(f"   executed page {executed} of {count}: {_page(found[1])}, {seconds:.0f} s", flush=True)


def _page(path: str) -> str:
    return Path(path).relative_to(Path.cwd()).as_posix()


def problems(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a failed build's output that say what is wrong, and the tracebacks that they name."""
    found = [line for line in lines if PROBLEM.search(line)]
    for line in found or lines[-20:]:
        yield line
        if (saved := TRACEBACK.search(line)) and Path(saved[1]).is_file():
            yield COLOURS.sub("", Path(saved[1]).read_text(encoding="utf-8")).rpartition(RULE)[2].strip()


if __name__ == "__main__":
    sys.exit(jupyter_book() if sys.argv[1:] == [WORKER] else main())
