"""Keeps reports on disk under the hash of what decided them, and remembers which one is each student's latest.

Every file is written beside its place and moved there, so a reader sees a whole report or none, whenever a writer dies.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from autograder.course import places
from autograder.course.report import SCHEMA_VERSION, Report
from autograder.course.verdict import Verdict

UNFINISHED = ".new-"  # before the number of the process that writes


class Latest(BaseModel):
    """What a student's newest report says, what decided it, and with which words of the manifest it is recorded.

    ``decided_by`` has a digest of each part, under the words to call it by. ``recorded_with`` is the digest that
    `mark_recorded` was given, empty while the gradebook does not hold the report.
    """

    key: str
    score: float
    verdict: Verdict
    recorded_with: str = ""
    decided_by: dict[str, str] = {}


class Store:
    """Reports of one course, below ``.autograder``."""

    def __init__(self, root: Path) -> None:
        self._reports = root / places.REPORTS
        self._latest = root / places.LATEST

    def get(self, key: str) -> Report | None:
        """The report stored under ``key``; None when there is none that this version can read."""
        try:
            report = Report.model_validate_json(self._report_path(key).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return report if report.schema_version == SCHEMA_VERSION else None

    def put(self, report: Report, decided_by: Mapping[str, str] = MappingProxyType({})) -> Latest | None:
        """Store a report as its student's latest, and return what the latest was before. A `fault` is not kept."""
        before = self.latest(report.assignment, report.student)
        if report.verdict is Verdict.FAULT:
            return before
        _write(self._report_path(report.key), report.model_dump_json())
        same = before is not None and before.key == report.key
        now = Latest(
            key=report.key,
            score=report.score,
            verdict=report.verdict,
            recorded_with=before.recorded_with if same else "",
            decided_by=dict(decided_by) or (before.decided_by if same else {}),
        )
        _write(self._latest_path(report.assignment, report.student), now.model_dump_json())
        return before

    def latest(self, assignment: str, student: str) -> Latest | None:
        """What the student's newest report says; None when there is none."""
        try:
            return Latest.model_validate_json(self._latest_path(assignment, student).read_bytes())
        except (FileNotFoundError, ValidationError, json.JSONDecodeError):
            return None

    def mark_recorded(self, assignment: str, student: str, display: str) -> None:
        """Remember that the gradebook holds the student's latest report, and with which `keys.display_digest`."""
        latest = self.latest(assignment, student)
        if latest is not None:
            done = latest.model_copy(update={"recorded_with": display})
            _write(self._latest_path(assignment, student), done.model_dump_json())

    def remove_unfinished(self) -> None:
        """Remove what writers that were killed left unfinished."""
        for place in (self._reports, self._latest):
            for path in place.rglob(f"{UNFINISHED}*"):
                if not Path(f"/proc/{path.name.removeprefix(UNFINISHED).partition('-')[0]}").exists():
                    path.unlink(missing_ok=True)

    def _report_path(self, key: str) -> Path:
        return self._reports / key[:2] / f"{key}.json"

    def _latest_path(self, assignment: str, student: str) -> Path:
        # Students name their folders; percent-encoding keeps any name a file of this folder. Of a long name the end
        # would not fit, so a digest of it stands for that.
        name = quote(os.fsencode(student), safe="")
        if len(name) > 200:
            name = f"{name[:150]}-{hashlib.sha256(name.encode()).hexdigest()[:40]}"
        return self._latest / assignment / f"{name}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f"{UNFINISHED}{os.getpid()}-")
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
