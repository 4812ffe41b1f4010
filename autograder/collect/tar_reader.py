"""The files of a tar, read with the standard library, which by itself believes every size that a tar states."""

import contextlib
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from autograder.collect.entry import ArchiveLimits, Entry, UnpackedTotal, damage_raises, pieces
from autograder.collect.errors import ArchiveError
from autograder.collect.safe_names import path_problem

MAX_HEADER = 16 << 10  # bytes that describe one file: a long name, and what some systems note besides
MEAN_HEADER = 2 << 10  # of all files, for TarFile takes long over headers made to be slow


def tar_entries(file: BinaryIO, limits: ArchiveLimits, total: UnpackedTotal) -> Iterator[Entry]:
    """The files of a tar, in its order. Raises `ArchiveError` or one of `entry.DAMAGE` for the whole."""
    reader = _ForwardReader(file, total)
    tar = tarfile.TarFile(fileobj=reader, encoding="utf-8")  # type: ignore[arg-type]
    headers = 0
    while info := tar.next():
        headers += MAX_HEADER - reader.allowed
        if headers > limits.entries * MEAN_HEADER:
            raise ArchiveError(f"the archive holds more than {limits.entries} files, or says too much of them")
        when = None
        with contextlib.suppress(ValueError, OverflowError, OSError):
            when = datetime.fromtimestamp(info.mtime, UTC)

        def copy(out: BinaryIO, most: int, info: tarfile.TarInfo = info) -> None:
            reader.allowed = info.size
            # What follows a break in a tar cannot be found either, so it is the whole that is refused.
            with damage_raises(ArchiveError, "the archive"):
                out.writelines(pieces(tar.extractfile(info), most))  # type: ignore[arg-type]

        if not info.isdir():
            name = info.name.removeprefix("./")
            yield Entry(name, when, path_problem(name) or _kind_problem(info), copy)
        # TarFile would keep every header, and add to each what global headers say, which can fill the memory.
        tar.members.clear()
        tar.pax_headers.clear()
        reader.allowed = MAX_HEADER
    if reader.last_read.strip(b"\0"):
        # TarFile takes a damaged header for the end, and what follows it would be missed.
        raise tarfile.HeaderError("what describes a file in it is damaged")


class _ForwardReader:
    """A file for `tarfile`, read forwards alone, and no more of it at a time than is ``allowed``."""

    def __init__(self, file: BinaryIO, total: UnpackedTotal) -> None:
        self._file, self._total, self._position = file, total, 0
        self.allowed = MAX_HEADER
        self.last_read = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.HeaderError("a size that it states leads backwards")
        self._total.add(position - self._position)
        self._file.seek(position)
        self._position = position

    def read(self, count: int) -> bytes:
        # An extended header is read in one piece, and may follow another: all of a file's are counted together.
        if count > self.allowed:
            raise ArchiveError("the archive describes a file in more words than any honest one does")
        self.last_read = self._file.read(count)
        self.allowed -= len(self.last_read)
        self._total.add(len(self.last_read))
        self._position += len(self.last_read)
        return self.last_read


def _kind_problem(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "it is a link"
    sparse = info.issparse() or any(key.startswith("GNU.sparse") for key in info.pax_headers)
    return "it is not a regular file" if sparse or not info.isreg() else ""
