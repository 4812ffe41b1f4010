"""Records every page and the operators, each in a process of its own, in one file of JSON.

What is done stays in the file when the command is stopped, and is done again only where the page's cells, the library,
the machine or the versions have changed. Networks that pages train once are trained anew, in a folder that only this
record uses, and their seconds are kept apart from those of the cells.
"""

import contextlib
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pixelwise import trained_once
from pixelwise.devices import KINDS, pages, place
from pixelwise.train import records
from pixelwise.train.environment import machine_facts, versions

OPERATORS = "operators"
MINUTES = 30.0  # of one page


class Refused(Exception):
    """The record cannot be made here; the message says in one sentence why, and what to do."""


def record(
    kind: str,
    out: Path,
    course: Path,
    names: Sequence[str] = (),
    again: bool = False,
    minutes: float = MINUTES,
    commit: str | None = None,
) -> bool:
    """Record the pages `names` (or all of `course`) and the operators on a `kind`, "cpu" or "gpu", in the file `out`.

    A page is stopped after `minutes`. `again` records anew what was recorded before. `commit` names the commit of a
    copy without git's folder. Returns whether all of it ran to the end. Raises `Refused` where there is no GPU, for a
    page that is not there, and where no commit is known.
    """
    if kind == "gpu" and not torch.cuda.is_available():
        raise Refused("PyTorch finds no GPU here, so there is nothing to record: run this on a machine that has one.")
    wanted = _wanted(names, course)
    head = _head(kind, commit or _commit(course))
    before = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if {name: before.get(name) for name in ("machine", "versions")} != {n: head[n] for n in ("machine", "versions")}:
        before = {}
    folder = course / "_build" / f"record-{kind}"
    if again:
        shutil.rmtree(folder, ignore_errors=True)
    runs = {run["page"]: run for run in before.get("runs", [])}
    networks = {each["network"]: each for each in before.get("networks", [])}
    for number, name in enumerate(wanted, 1):
        key = _key(name, course)
        at = f"{number} of {len(wanted)}, {name}"
        if not again and runs.get(name, {}).get("key") == key:
            print(f"{at}: recorded before", flush=True)
            continue
        began = _load()
        run = {"page": name, "key": key, "commit": head["commit"], "date": _now()}
        run |= _ran(name, kind, course, folder, minutes) | {"load": [began, _load()]}
        runs[name] = run
        networks |= {each["network"]: each for each in trained_once.trainings(folder / "trained").values()}
        order = {each: i for i, each in enumerate([*_wanted((), course), name])}
        kept = sorted((run for run in runs.values() if run["page"] in order), key=lambda run: order[run["page"]])
        records.write(out, head | {"networks": list(networks.values()), "runs": kept})
        print(f"{at}: {_told(run)}", flush=True)
    return not any(runs[name]["error"] or runs[name].get("not_run") for name in wanted)


def _wanted(names: Sequence[str], course: Path) -> list[str]:
    every = [*pages.listed(course), OPERATORS]
    if unknown := [name for name in names if name.removesuffix(".md") not in every]:
        raise Refused(f"There is no page {unknown[0]!r} with cells; there are {', '.join(every)}.")
    return [name.removesuffix(".md") for name in names] or every


def _key(name: str, course: Path) -> str:
    if name == OPERATORS:
        return pages.key([(Path(__file__).with_name("operators.py")).read_text(encoding="utf-8")])
    return pages.key(pages.cells(pages.source(course, name).read_text(encoding="utf-8")))


def _head(kind: str, commit: str) -> dict[str, Any]:
    device = torch.device("cuda" if kind == "gpu" else "cpu")
    return {"kind": kind, "commit": commit, "machine": machine_facts(device), "versions": versions()}


def _commit(course: Path) -> str:
    """Return the commit of `course`, marked if files were changed since, the records themselves left out."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(course), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        ours = [f":(exclude,top,glob)**/{place(kind).parent.name}/{place(kind).name}" for kind in KINDS]
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *ours)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused("A record names its commit, and git tells none here: name it with --commit.") from error
    return f"{commit}-dirty" if changed else commit


def _ran(name: str, kind: str, course: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Run a page, or the operators, in a process of its own; return what it left, with "error" where it failed."""
    with tempfile.TemporaryDirectory() as private:
        out = Path(private) / "out.json"
        what = ["operators"] if name == OPERATORS else ["cells", str(pages.source(course, name).resolve())]
        command = [sys.executable, "-P", "-m", f"pixelwise.devices.{what[0]}", *what[1:], str(out)]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            ended = _ended(command, _environment(kind, course, folder), course, said, 60 * minutes)
            said.seek(0)
            last = (said.read().strip().splitlines() or [""])[-1][:200]
        found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"done": 0, "seconds": 0.0}
    error = found.get("error")
    if ended is None:
        error = f"stopped after {minutes:g} minutes, in cell {found['done'] + 1}" if "done" in found else "stopped"
    elif ended:
        error = f"the process ended with status {ended} in cell {found.get('done', 0) + 1}: {last}"
    return found | {"error": error}


def _ended(
    command: Sequence[str], environment: Mapping[str, str], course: Path, said: Any, seconds: float
) -> int | None:
    """Run a command; return its exit status, or None where it was stopped for its time. It never outlives this one."""
    with _terminable(), subprocess.Popen(
        command, cwd=course, env=environment, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
    ) as process:  # fmt: skip
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end this process as an exception does, so that what it started is ended too."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _environment(kind: str, course: Path, folder: Path) -> dict[str, str]:
    paths = [str(pages.PACKAGE.parent), str(course), *filter(None, [os.environ.get("PYTHONPATH")])]
    found = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "MPLBACKEND": "agg",
        trained_once.VARIABLE: str((folder / "trained").resolve()),
    }
    return found | ({"CUDA_VISIBLE_DEVICES": ""} if kind == "cpu" else {})


def _told(run: Mapping[str, Any]) -> str:
    said = f"{run['seconds']:.1f} s"
    if run.get("trainings"):
        said += f", and trained {', '.join(run['trainings'])}"
    if run.get("not_run"):
        needs = sorted({each["needs"] for each in run["not_run"]})
        said += f", parts of {len({each['cell'] for each in run['not_run']})} cells not run: need {', '.join(needs)}"
    return said + (f"; failed: {run['error']}" if run["error"] else "")


def _load() -> float | None:
    """Return how many processes wanted to run in the last minute, on average; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
