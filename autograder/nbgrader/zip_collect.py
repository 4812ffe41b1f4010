"""Makes ``nbgrader zip_collect`` safe, whose own plug-ins unpack archives with whatever names and sizes they state."""

import os
import shutil
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from autograder.collect.archive_formats import is_archive, suffix
from autograder.collect.entry import COURSE, STUDENT, ArchiveLimits
from autograder.collect.errors import ArchiveError
from autograder.collect.safe_names import name_problem
from autograder.collect.unpack import unpack
from autograder.course.text import printable


class SafeExtractor(ExtractorPlugin):
    """Unpacks archives by the rules of `autograder.collect`, and copies other files; follows no link."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Fill ``extracted_path`` from ``archive_path``. An archive that is refused is told of and costs no other."""
        for parent, _, names in os.walk(archive_path):
            into = Path(extracted_path) / Path(parent).relative_to(archive_path)
            into.mkdir(parents=True, exist_ok=True)
            for name in sorted(names):
                path = Path(parent) / name
                if path.is_symlink() or not path.is_file():
                    self.log.warning("Not taken: %s is not a regular file", printable(name, 120))
                elif is_archive(name):
                    unpacked = into / name.removesuffix(suffix(name))
                    self._unpack(path, unpacked, COURSE)
                    # A student may have handed in an archive; one in that is left as it is.
                    for inner in [file for file in unpacked.rglob("*") if is_archive(file.name) and file.is_file()]:
                        self._unpack(inner, inner.with_name(inner.name.removesuffix(suffix(inner.name))), STUDENT)
                        inner.unlink()
                else:
                    shutil.copy(path, into / name)

    def _unpack(self, path: Path, into: Path, limits: ArchiveLimits) -> None:
        try:
            into.mkdir(exist_ok=True)
            for outcome in unpack(path, into, limits):
                (self.log.warning if outcome.action == "refused" else self.log.info)("%s", outcome)
        except (ArchiveError, OSError) as error:
            self.log.error("%s was not taken: %s", printable(path.name, 120), printable(str(error)))


class SafeCollector(FileNameCollectorPlugin):
    """Takes the owner from a file's name by ``named_regexp``, and refuses an owner or name that leads elsewhere."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """What the name says, as nbgrader's own plug-in gives it; None for a file to skip."""
        found = super().collect(submitted_file)
        if not found:
            return None
        parts = [found.get("student_id") or "", *(found.get("file_id") or "").split("/")]
        problems = [problem for part in parts if (problem := name_problem(part))]
        if problems or parts[0].startswith("."):
            self.log.warning("Skipped %s: %s", printable(submitted_file, 120), "".join(problems[:1]))
            return None
        return found
