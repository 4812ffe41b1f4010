"""The archive formats that are read, in one table: to add one, write its reader and add a row."""

import gzip
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from autograder.collect.entry import COURSE, ArchiveLimits, Entry, UnpackedTotal, damage_raises
from autograder.collect.errors import ArchiveError, FileRefused
from autograder.collect.safe_names import is_clutter
from autograder.collect.tar_reader import tar_entries
from autograder.collect.zip_reader import zip_entries
from autograder.course.text import printable


@dataclass(frozen=True)
class ArchiveFormat:
    """How a format's files are named, how one is recognized by its first 512 bytes, and what reads its entries."""

    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    entries: Callable[[BinaryIO, ArchiveLimits, UnpackedTotal], Iterator[Entry]]


FORMATS = (
    ArchiveFormat((".zip",), lambda start: start.startswith((b"PK\3\4", b"PK\5\6")), zip_entries),
    ArchiveFormat((".tar",), lambda start: start[257:262] == b"ustar" or start == bytes(512), tar_entries),
    ArchiveFormat(
        (".tar.gz", ".tgz"),
        lambda start: start.startswith(b"\x1f\x8b"),
        lambda file, *limits: tar_entries(gzip.GzipFile(fileobj=file), *limits),
    ),
)
NOTEBOOK = re.compile(r"(?i)\.ipynb(?:\.txt|\.json)?$")  # browsers and editors add an ending of their own
SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)


def archive_entries(archive: Path, limits: ArchiveLimits = COURSE, called: str | None = None) -> Iterator[Entry]:
    """The files of an archive, in its order; directories are left out.

    Each is to be copied before the next is asked for. Raises `ArchiveError`, which names the archive as ``called``
    (default: its file name), for what is no archive, is damaged as a whole, or exceeds ``limits`` as a whole.
    """
    called = printable(archive.name if called is None else called, 120)
    if not archive.is_file():
        raise ArchiveError(f"{printable(str(archive), 120)} is not a file; name the archive that was downloaded")
    with damage_raises(ArchiveError, called), archive.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        for each in FORMATS:
            if each.begins(start):
                yield from each.entries(file, limits, UnpackedTotal(limits, archive.stat().st_size))
                return
    raise ArchiveError(f"{called} is neither a {' nor a '.join(each.suffixes[0][1:] for each in FORMATS)} archive")


def suffix(name: str) -> str:
    """The end of a file's name that says its kind, ``.tar.gz`` in one piece."""
    return next((name[-len(end) :] for end in SUFFIXES if name.lower().endswith(end)), os.path.splitext(name)[1])


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(SUFFIXES)


def entry_kind(entry: Entry) -> Literal["clutter", "archive", "notebook", "other"]:
    """What a file of an archive is, by its name. Raises `FileRefused` for one that has a problem."""
    if entry.problem:
        raise FileRefused(entry.problem)
    if is_clutter(entry.parts):
        return "clutter"
    if is_archive(entry.parts[-1]):
        return "archive"
    return "notebook" if NOTEBOOK.search(entry.parts[-1]) else "other"
