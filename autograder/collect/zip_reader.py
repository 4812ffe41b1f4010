"""The files of a zip, read with the standard library, which by itself believes the zip's table of contents."""

import contextlib
import stat
import struct
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from autograder.collect.entry import ArchiveLimits, Entry, UnpackedTotal, damage_raises, pieces
from autograder.collect.errors import ArchiveError, FileRefused
from autograder.collect.safe_names import path_problem


def zip_entries(file: BinaryIO, limits: ArchiveLimits, total: UnpackedTotal) -> Iterator[Entry]:
    """The files of a zip, in its order. Raises `ArchiveError` or one of `entry.DAMAGE` for the whole."""
    with zipfile.ZipFile(_ShortReads(file, limits.contents)) as opened:  # type: ignore[arg-type]
        infos = opened.infolist()
        if len(infos) > limits.entries:
            raise ArchiveError(f"the archive holds {len(infos)} files, and at most {limits.entries} are taken")
        _refuse_overlaps(file, infos, opened.start_dir)
        for info in infos:
            # ZipInfo cuts a name at a NUL; what the archive said is kept beside it.
            name = info.orig_filename
            if name.endswith("/"):
                continue
            when = None
            with contextlib.suppress(ValueError):
                when = datetime(*info.date_time)

            def copy(out: BinaryIO, most: int, info: zipfile.ZipInfo = info) -> None:
                count = 0
                with damage_raises(FileRefused, "it"), opened.open(info) as source:
                    for piece in pieces(source, most):
                        count += len(piece)
                        total.add(len(piece))
                        if count > max(limits.ratio_from, info.compress_size * limits.ratio):
                            raise FileRefused(f"it unpacks to more than {limits.ratio} times its size")
                        out.write(piece)

            yield Entry(name, when, path_problem(name) or _kind_problem(info), copy)


class _ShortReads:
    """A file of which no piece longer than ``most`` is read, as a table of contents of any length would be."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self.tell, self.seek, self.seekable, self.close = file.tell, file.seek, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(self._most + 1 if count < 0 else min(count, self._most + 1))
        if len(data) > self._most:
            raise ArchiveError("the archive's table of contents is larger than that of any class")
        return data


def _kind_problem(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "it is a link" if kind == stat.S_IFLNK else "it is not a regular file"
    if info.flag_bits & 0x41:
        return "it is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others may ask for gigabytes of memory, and no learning-management system uses them.
        return "it is compressed in an unusual way; pack it as an ordinary zip"
    return ""


def _refuse_overlaps(file: BinaryIO, infos: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse a zip whose files share bytes, by which a small one unpacks to petabytes without any high ratio."""
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise zipfile.BadZipFile("its table of contents points to where no file is")
        name, extra = struct.unpack("<HH", header[26:30])
        if info.header_offset + 30 + name + extra + info.compress_size > end:
            raise ArchiveError("files in the archive overlap, which only archives made to do harm do")
        end = info.header_offset
