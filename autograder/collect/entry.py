"""One file of an archive, and how much of it and of the whole archive is taken, whatever the archive states."""

import contextlib
import errno
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from autograder.collect.errors import ArchiveError, FileRefused
from autograder.collect.safe_names import path_parts
from autograder.course.submission import MAX_BYTES
from autograder.course.text import printable

PIECE = 64 << 10  # bytes moved at a time


@dataclass(frozen=True)
class ArchiveLimits:
    """What one archive may hold, in bytes and files, counted while it is unpacked."""

    entries: int = 20_000
    total: int = 4 << 30
    file: int = 64 << 20
    ratio: int = 200
    # A text of a few lines may well shrink to nothing: the ratio says something of what is larger than this.
    ratio_from: int = 1 << 20
    contents: int = 8 << 20  # a zip's table of contents, which is held in memory


COURSE = ArchiveLimits()
STUDENT = ArchiveLimits(entries=500, total=64 << 20, file=MAX_BYTES)  # an archive that one student made


@dataclass(frozen=True)
class Entry:
    """One file of an archive. ``problem`` says why it is not taken, and is empty when it may be.

    ``when`` is its time: in UTC, or without a zone if it is by the clock of whoever made the archive.
    ``copy(out, most)`` writes its bytes. It raises `FileRefused` when they are more than ``most`` or damaged, and
    `ArchiveError` when what follows them cannot be read either.
    """

    name: str
    when: datetime | None
    problem: str
    copy: Callable[[BinaryIO, int], None]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its path, which can be trusted only when there is no problem."""
        return path_parts(self.name)


class UnpackedTotal:
    """Counts the bytes that an archive of ``packed`` bytes has unpacked to, and raises when they are too many."""

    def __init__(self, limits: ArchiveLimits, packed: int) -> None:
        self._bytes = 0
        self._most = min(limits.total, max(limits.ratio_from * 4, packed * limits.ratio))

    def add(self, count: int) -> None:
        """Count more bytes. Raises `ArchiveError` when they are more than the archive may unpack to."""
        self._bytes += count
        if self._bytes > self._most:
            raise ArchiveError(
                f"the archive unpacks to more than {self._most >> 20} MB, which is more than one of its size should"
            )


def pieces(source: BinaryIO, most: int) -> Iterator[bytes]:
    """The bytes of ``source``, not many at a time. Raises `FileRefused` as soon as they are more than ``most``."""
    count = 0
    while piece := source.read(PIECE):
        count += len(piece)
        if count > most:
            raise FileRefused(f"it is larger than {most >> 20} MB")
        yield piece


# What the readers of all formats raise for damaged or hostile archives.
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError,
)  # fmt: skip


@contextlib.contextmanager
def damage_raises(refusal: type[Exception], what: str) -> Iterator[None]:
    """Raises ``refusal`` when ``what`` is found damaged, and `ArchiveError` when the disk is full, or the like."""
    try:
        yield
    except DAMAGE as error:
        # An archive may lead to a place before its own start, which is an invalid argument.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise ArchiveError(f"the archive could not be unpacked: {error.strerror}") from error
        raise refusal(f"{what} is damaged: {printable(str(error), 120) or 'it ends too early'}") from None
