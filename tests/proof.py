"""Proves what takes too long for `make test`, and ends with a table of what it proved.

    make proof              # everything in PROOFS, in about an hour
    make proof P=kills      # one of them, or several: P="kills fuzz"

What a proof prints goes to `_build/proof/<name>.log`. The exit status is 0 when all that was asked for passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "_build" / "proof"
AUTOGRADER = str(Path(sys.executable).with_name("autograder"))
WIDTH = 120  # of the table where no terminal says how wide it is


@dataclass(frozen=True)
class Finding:
    """How much a run proved, what failed, and what it did not prove although it belongs to it, with the reasons."""

    amount: str = ""
    failed: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A sentence to prove, the command that tests it, and how what the command wrote is read.

    In `command`, `{report}` stands for a file that it may write; `read` takes the log and this file. `environment` is
    added to this process's own. The command runs `times` times, one after the other.
    """

    name: str
    sentence: str
    command: tuple[str, ...]
    read: Callable[[Path, Path], Finding]
    environment: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class Row:
    """A run of a proof as a line of the table. `result` is passed, failed, or not run and why."""

    proof: Proof
    number: int
    result: str
    finding: Finding = Finding()
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The name of the proof and, where it runs several times, which of these runs this is."""
        return self.proof.name if self.proof.times == 1 else f"{self.proof.name} {self.number} of {self.proof.times}"


def pytest(*words: str) -> tuple[str, ...]:
    """Return the command that runs pytest with these arguments and writes its JUnit report."""
    return (sys.executable, "-m", "pytest", "-q", "--junitxml={report}", *words)


def tests(log: Path, report: Path) -> Finding:
    """Read pytest's JUnit report. Tests that were skipped, or are expected to fail, prove nothing."""
    cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []

    def ended(*kinds: str) -> tuple[str, ...]:
        return tuple(
            f"{case.get('classname')}::{case.get('name')}: {(end.get('message') or '').partition(chr(10))[0]}"
            for case in cases
            for end in case
            if end.tag in kinds
        )

    not_proved = ended("skipped")
    return Finding(f"{len(cases) - len(not_proved)} tests", ended("failure", "error"), not_proved)


def attacks(log: Path, report: Path) -> Finding:
    """Read what `autograder redteam --json` printed. Of attacks that are known to succeed nothing is proved."""
    outcomes = _json_lines(log)
    gaps = tuple(f"{outcome['id']}: {outcome['gap']}" for outcome in outcomes if outcome["gap"])
    failed = (f"{each['id']}: {problem}" for each in outcomes if not each["gap"] for problem in each["problems"])
    return Finding(f"{len(outcomes) - len(gaps)} outcomes", tuple(failed), gaps)


def checks(log: Path, report: Path) -> Finding:
    """Read what `autograder validate --json` printed."""
    assignments = _json_lines(log)
    found = [(assignment["assignment"], check) for assignment in assignments for check in assignment["checks"]]
    failed = (f"{name}: {check['title']}: {problem}" for name, check in found for problem in check["problems"])
    return Finding(f"{len(found)} checks of {len(assignments)} assignments", tuple(failed))


def _json_lines(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


PROOFS = (
    Proof(
        "kills",
        "a grader that is killed 100 times, at any moment, loses nothing and counts nothing twice",
        pytest("tests/test_kills.py"),
        tests,
        {"PIXELWISE_KILLS": "100"},
    ),
    Proof(
        "fuzz",
        "5,000 damaged or hostile notebooks, and as many archives, are read or refused in a sentence",
        pytest("tests/test_fuzz.py"),
        tests,
        {"PIXELWISE_FUZZ": "5000"},
    ),
    Proof(
        "redteam",
        "every attack gets the verdict that it must, and honest submissions beside it keep theirs",
        (AUTOGRADER, "redteam", "--json"),
        attacks,
        times=3,
    ),
    Proof(
        "validate",
        "in every assignment right solutions earn everything, wrong ones and mutants do not, in each of thirty draws",
        (AUTOGRADER, "validate", "--json", "--draws", "30", "--mutants", "--record"),
        checks,
    ),
    Proof(
        "draws",
        "the course's own solutions pass every test, hidden and visible, under each of 200 draws",
        pytest("tests/test_suites.py", "-k", "the_reference_passes_with_any_seed"),
        tests,
        {"PIXELWISE_DRAWS": "200"},
    ),
    Proof(
        "notebooks",
        "every page's notebook runs from its first cell to its last and shows the page's figures",
        pytest("-m", "proof", "tests/test_notebooks_run.py"),
        tests,
    ),
    Proof(
        "gpu",
        "every cell of every page runs on a device that refuses what a GPU refuses",
        pytest("-m", "proof", "tests/test_pretend_gpu.py"),
        tests,
    ),
    Proof(
        "deep",
        "what all other tests marked `proof` say",
        pytest("-m", "proof", "--ignore=tests/test_notebooks_run.py", "--ignore=tests/test_pretend_gpu.py"),
        tests,
    ),
)


def main(names: Sequence[str], proofs: Sequence[Proof] = PROOFS, logs: Path = LOGS) -> int:
    """Run the proofs that are named, or all; print the table; return 0 when each that was asked for passed."""
    every = [proof.name for proof in proofs]
    names = names or every
    if unknown := [name for name in names if name not in every]:
        print(f"There is no proof {unknown[0]!r}; there are {', '.join(every)}.", file=sys.stderr)
        return 2
    asked = [(proof, number) for proof in proofs if proof.name in names for number in range(1, proof.times + 1)]
    rows: list[Row] = []
    with suppress(KeyboardInterrupt):
        for proof, number in asked:
            rows.append(run(proof, number, logs))
    rows += [Row(proof, number, "not run: interrupted") for proof, number in asked[len(rows) :]]
    passed = all(row.result == "passed" for row in rows)
    rows += [Row(proof, 1, "not run: not asked for") for proof in proofs if proof.name not in names]
    show(rows)
    return 0 if passed else 1


def run(proof: Proof, number: int, logs: Path) -> Row:
    """Run the command of a proof, for the `number`th time, and read what came of it."""
    log, report = (logs / f"{proof.name}-{number}.{ending}" for ending in ("log", "xml"))
    logs.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    print(f"== {proof.name}: {proof.sentence} (log in {os.path.relpath(log)})", flush=True)
    command = [word.replace("{report}", str(report)) for word in proof.command]
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        ended = subprocess.run(
            command, cwd=ROOT, env=os.environ | proof.environment, stdout=output, stderr=subprocess.STDOUT
        )
    seconds = time.monotonic() - start
    finding = proof.read(log, report)
    if ended.returncode and not finding.failed:
        end = log.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        finding = replace(finding, failed=(f"exit status {ended.returncode}: {end}",))
    return Row(proof, number, "failed" if finding.failed else "passed", finding, seconds)


def show(rows: Sequence[Row]) -> None:
    """Print the table, and below it what failed and what was not proved."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    table = Table("proof", "what", "how much", "seconds", "result", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
        table.add_row(row.name, row.proof.sentence, row.finding.amount, seconds, row.result)
    console.print(table)
    for heading, part in (("failed", "failed"), ("not proved", "not_proved")):
        # Most of it is the same in every run of a proof: printed once.
        for line in dict.fromkeys(f"{row.proof.name}: {each}" for row in rows for each in getattr(row.finding, part)):
            console.print(f"{heading} in {line}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
