"""Unpacks an archive by the rules of `collect`, but leaves every file its own path."""

from collections.abc import Iterator
from pathlib import Path

from autograder.collect.archive_formats import archive_entries, entry_kind
from autograder.collect.collect import FileOutcome
from autograder.collect.entry import COURSE, ArchiveLimits
from autograder.collect.errors import FileRefused


def unpack(archive: Path, folder: Path, limits: ArchiveLimits = COURSE) -> Iterator[FileOutcome]:
    """Write the files of an archive below ``folder``, and say what became of each.

    Raises `ArchiveError` for an archive of which nothing more can be taken.
    """
    taken: set[tuple[str, ...]] = set()
    for entry in archive_entries(archive, limits):
        try:
            if entry_kind(entry) == "clutter":
                continue
            key = tuple(part.casefold() for part in entry.parts)
            path = folder.joinpath(*entry.parts)
            if any(key[:n] in taken for n in range(1, len(key) + 1)) or path.exists():
                raise FileRefused("another file of the archive has its name, or one that differs only in case")
            taken.add(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as out:
                    entry.copy(out, limits.file)
            except BaseException:
                path.unlink()
                raise
            yield FileOutcome(entry.name, "", "taken")
        except FileRefused as refusal:
            yield FileOutcome(entry.name, "", "refused", str(refusal))
