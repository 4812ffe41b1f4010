"""Whose a file of an archive is, by where it lies in the archive and what it is called."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from autograder.collect.archive_formats import NOTEBOOK, is_archive, suffix
from autograder.collect.download_names import (
    ATTEMPT,
    KNOWN_FOLDERS,
    KNOWN_NAMES,
    KNOWN_WRAPPERS,
)
from autograder.collect.errors import ArchiveError, FileRefused
from autograder.course.submission import parse_time

EXAMPLE = r"--pattern 'hw1-(?P<student_id>[^-]+)-(?P<file_id>.+)' for hw1-ada-a1-convolution.ipynb"


@dataclass(frozen=True)
class Owner:
    """Whose a file is, and what else its path says."""

    student: str
    file: str  # its own name
    person: str = ""  # tells two people of one name apart where the archive says a number for each
    when: datetime | None = None  # in UTC, or without a zone if it is by the clock of whoever made the archive
    late: bool = False
    depth: int = 0  # folders between the student's own and the file


class Naming:
    """Finds a file's owner from its path: by the instructor's pattern if there is one, else as the known systems name.

    The pattern is one of nbgrader's ``FileNameCollectorPlugin.named_regexp``: matched from the start of the path, with
    the groups ``student_id`` and ``file_id`` (left out: the assignment), and optionally ``timestamp`` and ``person``.
    Without one, what stands above a student's folder or name is the system's own, so nobody can name another as owner.
    Raises `ArchiveError` for a pattern that is none.
    """

    def __init__(self, assignment: str, pattern: str | None = None, wrappers: Iterable[str] = ()) -> None:
        self.assignment = assignment
        self._wrappers = {"submitted", "submissions", assignment, f"{assignment}-submissions", *wrappers}
        self._pattern = None
        if pattern is not None:
            try:
                self._pattern = re.compile(pattern)
            except re.error as error:
                raise ArchiveError(
                    f"--pattern is not a regular expression: {error}; an example that is one: {EXAMPLE}"
                ) from None
            if "student_id" not in self._pattern.groupindex:
                raise ArchiveError(
                    f"--pattern should say whose a file is, by a group (?P<student_id>…); for example {EXAMPLE}"
                )

    def owner(self, parts: tuple[str, ...]) -> Owner:
        """Whose the file at path ``parts`` is. Raises `FileRefused` when nothing says so."""
        found = None
        if self._pattern is not None and (match := self._pattern.match("/".join(parts))):
            found = self._from_match(match, parts[-1])
        else:
            nested = len(parts) > 2 and alike(parts[1], self.assignment)
            if len(parts) > 1 and self._is_wrapper(parts[0]) and not nested:
                parts = parts[1:]
            if len(parts) > 1:
                found = self._from_folder(parts)
            elif self._pattern is None:
                found = self._from_name(parts[0])
        if found is None:
            wanted = f"<student>/{self.assignment}/{self.assignment}.ipynb"
            raise FileRefused(
                f"nothing in its name says whose it is; name it {wanted}, or say with --pattern how names are built, "
                f"as in {EXAMPLE}"
            )
        return found

    def _is_wrapper(self, folder: str) -> bool:
        return folder in self._wrappers or bool(re.fullmatch(KNOWN_WRAPPERS, folder))

    def _from_folder(self, parts: tuple[str, ...]) -> Owner | None:
        folder, inside = parts[0], parts[1:]
        for pattern in KNOWN_FOLDERS.values():
            if match := re.fullmatch(pattern, folder):
                found = self._from_match(match, inside[-1], inside[-1])
                return found and replace(found, depth=len(inside) - 1)
        rightly_named = self.stored_name(inside[-1])[0] == self.assignment + suffix(plain_name(inside[-1]))
        if rightly_named and (match := re.fullmatch(rf"{re.escape(self.assignment)}-([A-Za-z0-9-]+)", folder)):
            return Owner(match[1], inside[-1], depth=len(inside) - 1)  # GitHub Classroom
        if len(inside) > 1 and alike(inside[0], self.assignment):
            inside = inside[1:]
        elif len(inside) != 1 or not rightly_named:
            return None
        return Owner(folder, inside[-1], depth=len(inside) - 1)

    def _from_name(self, name: str) -> Owner | None:
        for pattern in KNOWN_NAMES.values():
            if match := re.fullmatch(pattern, name):
                return self._from_match(match, name)
        name = plain_name(name)
        end = suffix(name)
        stem = name.removesuffix(end)
        # All that stands before is the student: of a part of it, such as what is before the first _, there may be two.
        # Google Classroom has " - " there.
        if match := re.fullmatch(rf"(.+)(?:_| - )({re.escape(self.assignment)}(?:{ATTEMPT})?)", stem):
            return Owner(match[1].strip(), match[2] + end)
        if is_archive(name) and stem != self.assignment:
            return Owner(stem.strip(), self.assignment + end)
        return None

    def _from_match(self, match: re.Match[str], name: str, file: str = "") -> Owner | None:
        groups = match.groupdict("")
        student, person = groups["student_id"].strip(), groups.get("person", "")
        if not student:
            return None
        if student == "Participant" and person:
            student = f"Participant_{person}"
        file = (file or groups.get("file_id") or self.assignment).rpartition("/")[2]
        if suffix(file) != suffix(name):
            file += suffix(name)
        return Owner(student, file, person, _time(groups), bool(groups.get("late")))

    def stored_name(self, name: str) -> tuple[str, int]:
        """The name that a file is stored under, and which attempt at handing in its own name says that it is."""
        name = plain_name(name)
        end = suffix(name)
        match = re.fullmatch(rf"{re.escape(self.assignment)}({ATTEMPT})", name.removesuffix(end))
        return (self.assignment + end, int(match[1].strip(" -()"))) if match else (name, 0)


def alike(name: str, assignment: str) -> bool:
    """Whether a folder's name is the assignment's, or that misspelt: other letters, but no other number."""
    one, other = (re.sub(r"[\W_]+", "-", text.casefold()).strip("-") for text in (name, assignment))
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    return difflib.SequenceMatcher(None, one, other).ratio() >= 0.85


def plain_name(name: str) -> str:
    """A notebook's name without what browsers and editors add to it, such as ``.txt``."""
    return NOTEBOOK.sub(".ipynb", name)


def _time(groups: dict[str, str]) -> datetime | None:
    """The time that a name states, in UTC, or without a zone where it is by the clock of whoever made the archive."""
    if local := groups.get("local_time"):
        when = parse_time(re.sub(r"(\d{1,2})(\d\d) ([AP]M)$", r"\1:\2 \3", local))
        return when and when.replace(tzinfo=None)
    return parse_time(re.sub(r"^(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)$", r"\1 \2:\3:\4", groups.get("timestamp", "")))
