"""Makes ``nbgrader zip_collect`` safe, whose own plug-ins unpack archives with whatever names and sizes they state."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from autograder import archive


class SafeExtractor(ExtractorPlugin):
    """Unpacks archives by the rules of `autograder.archive`, and copies other files; follows no link."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Fill ``extracted_path`` from ``archive_path``. An archive that is refused is told of and costs no other."""
        for parent, _, names in os.walk(archive_path):
            into = Path(extracted_path) / Path(parent).relative_to(archive_path)
            into.mkdir(parents=True, exist_ok=True)
            for name in sorted(names):
                path = Path(parent) / name
                if path.is_symlink() or not path.is_file():
                    self.log.warning("Not taken: %s is not a regular file", archive.shown(name))
                elif archive.suffix(name).lower() in archive.ARCHIVES:
                    self._unpack(path, into / name.removesuffix(archive.suffix(name)))
                else:
                    shutil.copy(path, into / name)

    def _unpack(self, path: Path, into: Path) -> None:
        into.mkdir(exist_ok=True)
        try:
            for outcome in archive.unpack(path, into):
                (self.log.warning if outcome.action == "refused" else self.log.info)("%s", outcome)
        except archive.ArchiveError as error:
            self.log.error("%s was not taken: %s", archive.shown(path.name), error)


class SafeCollector(FileNameCollectorPlugin):
    """Takes the owner from a file's name by ``named_regexp``, and refuses an owner or name that leads elsewhere."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """What the name says, as nbgrader's own plug-in gives it; None for a file to skip."""
        found = super().collect(submitted_file)
        if not found:
            return None
        parts = [found.get("student_id") or "", *(found.get("file_id") or "").split("/")]
        problems = [problem for part in parts if (problem := archive.name_problem(part))]
        if problems or parts[0].startswith("."):
            self.log.warning("Skipped %s: %s", archive.shown(submitted_file), "".join(problems[:1]))
            return None
        return found
