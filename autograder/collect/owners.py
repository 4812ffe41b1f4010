"""Whose a file of an archive is, by where it lies in the archive and what it is called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.collect.archive_formats import is_archive, suffix
from autograder.collect.download_names import ATTEMPT, KNOWN_NAMES, MOODLE
from autograder.collect.errors import ArchiveError, FileRefused


@dataclass(frozen=True)
class Owner:
    """Whose a file is, and what else its path says."""

    student: str
    file: str  # its own name
    person: str = ""  # tells two people of one name apart where the archive says a number for each
    when: str = ""


class Naming:
    """Finds a file's owner from its path: by the instructor's pattern if there is one, else as the known systems name.

    The pattern is one of nbgrader's ``FileNameCollectorPlugin.named_regexp``: matched from the start of the path, with
    the groups ``student_id`` and ``file_id`` (left out: the assignment), and optionally ``timestamp`` and ``person``.
    Without one, what stands above a student's folder or name is the system's own, so nobody can name another as owner.
    Raises `ArchiveError` for a pattern that is none.
    """

    def __init__(self, assignment: str, pattern: str | None = None, wrappers: Iterable[str] = ()) -> None:
        self.assignment = assignment
        self._wrappers = {"submitted", "submissions", assignment, *wrappers}
        self._pattern = None
        if pattern is not None:
            try:
                self._pattern = re.compile(pattern)
            except re.error as error:
                raise ArchiveError(f"--pattern is not a regular expression: {error}") from None
            if "student_id" not in self._pattern.groupindex:
                raise ArchiveError("--pattern should say whose a file is, by a group (?P<student_id>…)")

    def owner(self, parts: tuple[str, ...]) -> Owner:
        """Whose the file at path ``parts`` is. Raises `FileRefused` when nothing says so."""
        found = None
        if self._pattern is not None and (match := self._pattern.match("/".join(parts))):
            found = self._from_match(match, parts[-1])
        else:
            if len(parts) > 1 and parts[0] in self._wrappers and parts[1] != self.assignment:
                parts = parts[1:]
            if len(parts) > 1:
                found = self._from_folder(parts)
            elif self._pattern is None:
                found = self._from_name(parts[0])
        if found is None:
            wanted = f"<student>/{self.assignment}/{self.assignment}.ipynb"
            raise FileRefused(
                f"nothing in its name says whose it is; name it {wanted}, or say with --pattern how names are built"
            )
        return found

    def _from_folder(self, parts: tuple[str, ...]) -> Owner | None:
        student, person, inside = parts[0], "", parts[1:]
        if match := re.fullmatch(MOODLE + "_?", student):
            student, person = match["student_id"], match["person"]
        elif parts[1] == self.assignment:
            inside = parts[2:]
        elif len(parts) != 2 or self.stored_name(parts[1])[0] != self.assignment + suffix(parts[1]):
            return None
        if len(inside) != 1:
            raise FileRefused("it is not directly in the student's folder")
        return Owner(student, inside[0], person)

    def _from_name(self, name: str) -> Owner | None:
        for pattern in KNOWN_NAMES.values():
            if match := re.fullmatch(pattern, name):
                return self._from_match(match, name)
        end = suffix(name)
        stem = name.removesuffix(end)
        # All that stands before is the student: of a part of it, such as what is before the first _, there may be two.
        if match := re.fullmatch(rf"(.+)_({re.escape(self.assignment)}(?:{ATTEMPT})?)", stem):
            return Owner(match[1].strip(), match[2] + end)
        if is_archive(name) and stem != self.assignment:
            return Owner(stem.strip(), self.assignment + end)
        return None

    def _from_match(self, match: re.Match[str], name: str) -> Owner | None:
        groups = match.groupdict("")
        if not groups["student_id"]:
            return None
        file = (groups.get("file_id") or self.assignment).rpartition("/")[2]
        if suffix(file) != suffix(name):
            file += suffix(name)
        return Owner(groups["student_id"].strip(), file, groups.get("person", ""), groups.get("timestamp", ""))

    def stored_name(self, name: str) -> tuple[str, int]:
        """The name that a file is stored under, and which attempt at handing in its own name says that it is."""
        end = suffix(name)
        match = re.fullmatch(rf"{re.escape(self.assignment)}({ATTEMPT})", name.removesuffix(end))
        return (self.assignment + end, int(match[1].strip(" -()"))) if match else (name, 0)
