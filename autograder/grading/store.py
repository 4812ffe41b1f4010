"""Keeps reports on disk under the hash of what decided them, and remembers which one is each student's latest.

Every file is written whole or not at all, so a reader sees a whole report or none, whenever a writer dies.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from autograder.course import files, places
from autograder.course.report import SCHEMA_VERSION, Report
from autograder.course.verdict import Verdict

SUBMISSION = "the submission"  # of what decides a grade
PRIVATE = 0o600  # what students' notebooks printed is nobody's but the owner's


class Latest(BaseModel):
    """What a student's newest report says, what decided it, and whether the gradebook holds it.

    ``recorded_submission`` is the digest of the submission that the gradebook took last, whatever its report said.
    ``decided_by`` has a digest of each part, under the words to call it by.
    """

    key: str
    score: float
    verdict: Verdict
    recorded: bool = False
    recorded_submission: str = ""
    decided_by: dict[str, str] = {}

    @property
    def submission(self) -> str:
        """The digest of the submission; empty when it is not known."""
        return self.decided_by.get(SUBMISSION, "")


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
        files.write_whole(self._report_path(report.key), report.model_dump_json(), PRIVATE)
        same = before is not None and before.key == report.key
        now = Latest(
            key=report.key,
            score=report.score,
            verdict=report.verdict,
            recorded=same and before.recorded,
            recorded_submission=before.recorded_submission if before else "",
            decided_by=dict(decided_by) or (before.decided_by if same else {}),
        )
        files.write_whole(self._latest_path(report.assignment, report.student), now.model_dump_json(), PRIVATE)
        return before

    def latest(self, assignment: str, student: str) -> Latest | None:
        """What the student's newest report says; None when there is none."""
        try:
            return Latest.model_validate_json(self._latest_path(assignment, student).read_bytes())
        except (FileNotFoundError, ValidationError, json.JSONDecodeError):
            return None

    def mark_recorded(self, assignment: str, student: str) -> None:
        """Remember that the gradebook holds the student's latest report."""
        latest = self.latest(assignment, student)
        if latest is not None:
            done = latest.model_copy(update={"recorded": True, "recorded_submission": latest.submission})
            files.write_whole(self._latest_path(assignment, student), done.model_dump_json(), PRIVATE)

    def _report_path(self, key: str) -> Path:
        return self._reports / key[:2] / f"{key}.json"

    def _latest_path(self, assignment: str, student: str) -> Path:
        # Students name their folders; percent-encoding keeps any name a file of this folder. Of a long name the end
        # would not fit, so a digest of it stands for that.
        name = quote(os.fsencode(student), safe="")
        if len(name) > 200:
            name = f"{name[:150]}-{hashlib.sha256(name.encode()).hexdigest()[:40]}"
        return self._latest / assignment / f"{name}.json"
