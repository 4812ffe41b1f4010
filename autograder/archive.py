"""Takes students' files out of the archive that a learning-management system gives, believing nothing in it.

No name, size, time or count that the archive states is trusted. A file goes where its owner and the assignment say, and
its own name decides only who the owner is; a problem with one file refuses that file, a problem with one student's
archive refuses that archive, and only what is wrong with the whole refuses the whole.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, Literal
from zoneinfo import ZoneInfo

import dateutil.parser

from autograder.assignment import AssignmentError, find_root, load
from autograder.submission import MAX_BYTES

PIECE = 64 << 10  # bytes moved at a time
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
CLUTTER = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")  # besides every name with a dot in front
MAX_NAME = 200  # bytes of one part of a path
MAX_DEPTH = 16
MAX_STAMP = 1000  # bytes of a timestamp.txt
MAX_NOTEBOOKS = 8  # of one student, wrongly named ones included
DOS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


class ArchiveError(AssignmentError):
    """An archive of which nothing can be taken, in a sentence."""


@dataclass(frozen=True)
class Limits:
    """What one archive may hold, in bytes and files, counted while it is unpacked."""

    entries: int = 20_000
    total: int = 4 << 30
    file: int = 64 << 20
    ratio: int = 200
    # A text of a few lines may well shrink to nothing: the ratio says something of what is larger than this.
    ratio_from: int = 1 << 20
    contents: int = 8 << 20  # a zip's table of contents, which is held in memory


COURSE = Limits()
STUDENT = Limits(entries=500, total=64 << 20, file=MAX_BYTES)  # an archive that one student made


class _Refused(Exception):
    """One entry that is not taken; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive: where it says that it belongs, checked, and how to get its bytes.

    ``parts`` is empty when ``problem`` says why it is not taken. ``when`` is its time, in UTC if ``zoned``, else by the
    clock of whoever made the archive. ``copy(out, most)`` writes its bytes, or raises when they exceed ``most``.
    """

    name: str
    parts: tuple[str, ...] = ()
    when: datetime | None = None
    zoned: bool = False
    problem: str = ""
    copy: Callable[[BinaryIO, int], None] = field(default=lambda out, most: None, repr=False)


# --- names --------------------------------------------------------------------------------------------------------


def shown(text: str, most: int = 120) -> str:
    """``text`` for a terminal: no control character, line end or lone surrogate, and at most ``most`` characters."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def name_problem(name: str) -> str:
    """Why ``name`` cannot be a file's or a folder's name on every system, in words; empty when it can."""
    if name in ("", ".", ".."):
        return "a part of its path is empty or leads elsewhere"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "its name holds a character that cannot be seen"
    if "/" in name or "\\" in name:
        return "its name holds a slash or a backslash"
    if re.match(r"[A-Za-z]:", name):
        return "its name starts with a drive letter"
    if len(name.encode()) > MAX_NAME:
        return "its name is too long"
    if name != name.strip() or name.endswith("."):
        return "its name starts or ends with a space, or ends with a dot"
    if name.split(".")[0].rstrip().lower() in DOS_DEVICES:
        return "its name is that of a device on Windows"
    return ""


def path_parts(name: str) -> tuple[str, ...]:
    """The parts of a path in an archive, in Unicode's composed form. Raises for one that no honest program writes."""
    if name.startswith("/"):
        raise _Refused("its name is an absolute path")
    parts = tuple(unicodedata.normalize("NFC", part) for part in name.split("/"))
    if len(parts) > MAX_DEPTH:
        raise _Refused(f"it lies in more than {MAX_DEPTH} folders")
    for part in parts:
        if problem := name_problem(part):
            raise _Refused(problem)
    return parts


def is_clutter(parts: Iterable[str]) -> bool:
    """Whether a path is something that a computer adds by itself, such as ``.DS_Store``."""
    return any(part in CLUTTER or part.startswith(".") for part in parts)


# --- reading ------------------------------------------------------------------------------------------------------

# What the standard library's readers raise for damaged or hostile archives.
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError,
)  # fmt: skip


def entries(archive: Path, limits: Limits = COURSE) -> Iterator[Entry]:
    """The files of a zip, tar or tar.gz, in its order; directories are left out.

    Each is to be copied before the next is asked for. Raises `ArchiveError` for what is no archive, is damaged as a
    whole, or exceeds ``limits`` as a whole.
    """
    try:
        if not archive.is_file():
            raise ArchiveError(f"{shown(str(archive))} is not a file; name the archive that was downloaded")
        with archive.open("rb") as file:
            start = file.read(512)
            file.seek(0)
            if start[:4] in (b"PK\3\4", b"PK\5\6"):
                yield from _zip_entries(file, limits)
            elif start[:2] == b"\x1f\x8b":
                yield from _tar_entries(_Gunzip(file), limits, os.fstat(file.fileno()).st_size)
            elif len(start) == 512 and (start[257:262] == b"ustar" or start == bytes(512)):
                yield from _tar_entries(file, limits, os.fstat(file.fileno()).st_size)
            else:
                raise ArchiveError(f"{shown(archive.name)} is neither a zip nor a tar archive")
    except ArchiveError:
        raise
    except BROKEN as error:
        raise ArchiveError(f"{shown(archive.name)} is damaged: {shown(str(error)) or 'it ends too early'}") from None


class _Careful:
    """A file that refuses to read a zip's table of contents into memory when that is larger than any class's."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self._size = os.fstat(file.fileno()).st_size
        self.tell, self.seek, self.seekable, self.close = file.tell, file.seek, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        if count is None or count < 0:
            count = max(0, self._size - self._file.tell())
        if count > self._most:
            raise ArchiveError("the archive's table of contents is larger than that of any class")
        return self._file.read(count)


def _zip_entries(file: BinaryIO, limits: Limits) -> Iterator[Entry]:
    with zipfile.ZipFile(_Careful(file, limits.contents)) as opened:  # type: ignore[arg-type]
        found = opened.infolist()
        if len(found) > limits.entries:
            raise ArchiveError(f"the archive holds {len(found)} files, and at most {limits.entries} are taken")
        _refuse_overlaps(file, found, opened.start_dir)
        total = _Total(limits, file)
        for info in found:
            # ZipInfo cuts a name at a NUL; what the archive said is kept beside it.
            name = info.orig_filename
            if name.endswith("/"):
                continue
            when = None
            with contextlib.suppress(ValueError):
                when = datetime(*info.date_time)
            try:
                parts = path_parts(name)
                _check_zip_entry(info)
            except _Refused as problem:
                yield Entry(name, when=when, problem=str(problem))
                continue

            def copy(out: BinaryIO, most: int, info: zipfile.ZipInfo = info) -> None:
                with _entry_errors(), opened.open(info) as source:
                    _pour(source.read, out, most, total, packed=info.compress_size)

            yield Entry(name, parts, when, copy=copy)


def _check_zip_entry(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _Refused("it is a link" if kind == stat.S_IFLNK else "it is not a regular file")
    if info.flag_bits & 0x41:
        raise _Refused("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others may ask for gigabytes of memory, and no learning-management system uses them.
        raise _Refused("it is compressed in an unusual way; pack it as an ordinary zip")


def _refuse_overlaps(file: BinaryIO, found: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse a zip whose entries share bytes, by which a small file unpacks to petabytes without any high ratio."""
    for info in sorted(found, key=lambda info: info.header_offset, reverse=True):
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise zipfile.BadZipFile("its table of contents points to where no file is")
        name, extra = struct.unpack("<HH", header[26:30])
        if info.header_offset + 30 + name + extra + info.compress_size > end:
            raise ArchiveError("files in the archive overlap, which only archives made to do harm do")
        end = info.header_offset


class _Gunzip:
    """Reads a gzip stream forwards, a bounded piece at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate = file, zlib.decompressobj(wbits=31)
        self._packed = b""

    def read(self, count: int) -> bytes:
        while not self._inflate.eof:
            self._packed = self._packed or self._file.read(PIECE)
            if not self._packed:
                raise EOFError("it ends too early")
            piece = self._inflate.decompress(self._packed, count)
            self._packed = self._inflate.unconsumed_tail
            if piece:
                return piece
        return b""


def _tar_entries(source: BinaryIO | _Gunzip, limits: Limits, size: int) -> Iterator[Entry]:
    """Tar by hand, but for its header blocks: `tarfile` holds extended headers of any size in memory."""
    total = _Total(limits, size)
    pax: dict[str, str] = {}
    long_name = ""
    count = 0
    while True:
        block = total.count(_exactly(source, tarfile.BLOCKSIZE, short=True))
        if not block.strip(b"\0"):
            return
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if (count := count + 1) > 4 * limits.entries:
            raise ArchiveError(f"the archive holds more than {limits.entries} files")
        if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            pax = _pax_records(_small(source, info.size, total))
            continue
        if info.type == tarfile.GNUTYPE_LONGNAME:
            long_name = _small(source, info.size, total).rstrip(b"\0").decode("utf-8", "surrogateescape")
            continue
        if info.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            _small(source, info.size, total)
            continue
        left = int(pax["size"]) if pax.get("size", "").isdecimal() else info.size
        if left < 0:
            raise tarfile.HeaderError("it states a negative size")
        left = 0 if info.type in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE) else left
        name = pax.get("path") or long_name or info.name
        padding = -left % tarfile.BLOCKSIZE
        body = _Body(source, left)
        sparse, pax, long_name = any(key.startswith("GNU.sparse") for key in pax), {}, ""
        if info.type != tarfile.DIRTYPE:
            yield _tar_entry(info, name, sparse, body, total)
        while body.left:
            total.count(body.read(PIECE))
        _exactly(source, padding)


def _tar_entry(info: tarfile.TarInfo, name: str, sparse: bool, body: _Body, total: _Total) -> Entry:
    when = None
    with contextlib.suppress(ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(info.mtime, UTC).replace(tzinfo=None)
    try:
        if info.type in (tarfile.LNKTYPE, tarfile.SYMTYPE):
            raise _Refused("it is a link")
        if sparse or info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            raise _Refused("it is not a regular file")
        parts = path_parts(name.removeprefix("./"))
    except _Refused as problem:
        return Entry(name, when=when, zoned=True, problem=str(problem))

    def copy(out: BinaryIO, most: int) -> None:
        try:
            _pour(body.read, out, most, total)
        except (EOFError, zlib.error):
            # What follows a break in a tar cannot be found either.
            raise ArchiveError("the archive is damaged: it ends too early") from None
        except OSError as error:
            raise ArchiveError(f"the archive could not be unpacked: {error.strerror}") from error

    return Entry(name, parts, when, True, copy=copy)


class _Body:
    """The bytes of one tar entry."""

    def __init__(self, source: BinaryIO | _Gunzip, left: int) -> None:
        self._source, self.left = source, left

    def read(self, count: int) -> bytes:
        if not self.left:
            return b""
        piece = self._source.read(min(count, self.left))
        if not piece:
            raise EOFError("it ends too early")
        self.left -= len(piece)
        return piece


def _exactly(source: BinaryIO | _Gunzip, count: int, short: bool = False) -> bytes:
    parts = b""
    while len(parts) < count:
        piece = source.read(count - len(parts))
        if not piece:
            if short and not parts:
                return b""
            raise EOFError("it ends too early")
        parts += piece
    return parts


def _small(source: BinaryIO | _Gunzip, size: int, total: _Total) -> bytes:
    if not 0 <= size <= PIECE:
        raise ArchiveError("the archive describes a file in more words than any honest one does")
    data = total.count(_exactly(source, size + -size % tarfile.BLOCKSIZE))
    return data[:size]


def _pax_records(data: bytes) -> dict[str, str]:
    found = {}
    while data.strip(b"\0"):
        head, space, _ = data[:20].partition(b" ")
        if not space or not head.isdigit() or not len(head) + 1 < int(head) <= len(data):
            raise tarfile.HeaderError("an extended header is malformed")
        key, _, value = data[len(head) + 1 : int(head)].rstrip(b"\n").partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        data = data[int(head) :]
    return found


class _Total:
    """Counts what an archive has given, all its files together."""

    def __init__(self, limits: Limits, source: BinaryIO | int) -> None:
        size = source if isinstance(source, int) else os.fstat(source.fileno()).st_size
        self.limits, self._given = limits, 0
        self._most = min(limits.total, max(limits.ratio_from * 4, size * limits.ratio))

    def count(self, piece: bytes) -> bytes:
        self._given += len(piece)
        if self._given > self._most:
            raise ArchiveError(
                f"the archive unpacks to more than {self._most >> 20} MB, which is more than one of its size should"
            )
        return piece


def _pour(read: Callable[[int], bytes], out: BinaryIO, most: int, total: _Total, packed: int | None = None) -> None:
    """Copy what ``read`` gives, and raise as soon as it is too much, whatever any header said."""
    limits, given = total.limits, 0
    while piece := read(PIECE):
        given += len(total.count(piece))
        if given > most:
            raise _Refused(f"it is larger than {most >> 20} MB")
        if packed is not None and given > max(limits.ratio_from, packed * limits.ratio):
            raise _Refused(f"it unpacks to more than {limits.ratio} times its size")
        out.write(piece)


@contextlib.contextmanager
def _entry_errors() -> Iterator[None]:
    try:
        yield
    except (_Refused, ArchiveError):
        raise
    except OSError as error:
        if error.errno is not None:  # the disk is full, or the like: not the entry's fault
            raise ArchiveError(f"the archive could not be unpacked: {error.strerror}") from error
        raise _Refused("it is damaged") from None
    except BROKEN:
        raise _Refused("it is damaged") from None


# --- whose a file is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """Whose a file is. ``person`` tells two people of one name apart where the archive says a number for each."""

    student: str
    file: str
    person: str = ""
    when: str = ""


MOODLE = r"(?P<student_id>[^_/]+)_(?P<person>\d+)_assignsubmission_(?:file|onlinetext)"
KNOWN_NAMES = (
    rf"{MOODLE}_(?P<file_id>.+)",
    r"(?P<student_id>[^_/]+)_(?:LATE_)?(?P<person>\d+)_\d+_(?P<file_id>.+)",  # Canvas
    r".+_(?P<student_id>[^_/]+)_attempt_(?P<timestamp>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)_(?P<file_id>.+)",  # Blackboard
)
ATTEMPT = r"-\d{1,3}| ?\(\d{1,3}\)"  # what systems and browsers add to the name of a second file


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

    def owner(self, parts: tuple[str, ...]) -> Owner | str:
        """Whose the file at path ``parts`` is, or a sentence when nothing says so."""
        if self._pattern is not None and (found := self._pattern.match("/".join(parts))):
            return self._from_match(found, parts[-1]) or self._advice
        if len(parts) > 1 and parts[0] in self._wrappers and parts[1] != self.assignment:
            parts = parts[1:]
        if len(parts) > 1:
            return self._from_folder(parts)
        return (self._from_name(parts[0]) if self._pattern is None else None) or self._advice

    @property
    def _advice(self) -> str:
        wanted = f"<student>/{self.assignment}/{self.assignment}.ipynb"
        return f"nothing in its name says whose it is; name it {wanted}, or say with --pattern how names are built"

    def _from_folder(self, parts: tuple[str, ...]) -> Owner | str:
        student, person = parts[0], ""
        if found := re.fullmatch(MOODLE + "_?", parts[0]):
            student, person, inside = found["student_id"], found["person"], parts[1:]
        elif parts[1] == self.assignment:
            inside = parts[2:]
        elif len(parts) == 2 and self.rename(parts[1])[0] == self.assignment + suffix(parts[1]):
            inside = parts[1:]
        else:
            return self._advice
        if len(inside) != 1:
            return "it is not directly in the student's folder"
        return Owner(student, inside[0], person)

    def _from_name(self, name: str) -> Owner | None:
        for pattern in KNOWN_NAMES:
            if found := re.fullmatch(pattern, name):
                return self._from_match(found, name)
        end = suffix(name)
        stem = name.removesuffix(end)
        # All that stands before is the student: of a part of it, such as what is before the first _, there may be two.
        if found := re.fullmatch(rf"(.+)_({re.escape(self.assignment)}(?:{ATTEMPT})?)", stem):
            return Owner(found[1], found[2] + end)
        if end.lower() in ARCHIVES and stem != self.assignment:
            return Owner(stem, self.assignment + end)
        return None

    def _from_match(self, found: re.Match[str], name: str) -> Owner | None:
        groups = {key: value or "" for key, value in found.groupdict().items()}
        if not groups.get("student_id"):
            return None
        file = (groups.get("file_id") or self.assignment).rpartition("/")[2]
        if suffix(file) != suffix(name):
            file += suffix(name)
        return Owner(groups["student_id"], file, groups.get("person", ""), groups.get("timestamp", ""))

    def rename(self, name: str) -> tuple[str, int]:
        """The name that a file is stored under, and which attempt at handing in its own name says that it is."""
        end = suffix(name)
        found = re.fullmatch(rf"{re.escape(self.assignment)}({ATTEMPT})", name.removesuffix(end))
        return (self.assignment + end, int(found[1].strip(" -()"))) if found else (name, 0)


def suffix(name: str) -> str:
    """The end of a file's name that says its kind, ``.tar.gz`` in one piece."""
    for end in ARCHIVES:
        if name.lower().endswith(end):
            return name[-len(end) :]
    return os.path.splitext(name)[1]


# --- collecting ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of one file of the archive, and of a student whose name it gave."""

    name: str
    student: str
    action: Literal["taken", "replaced", "unchanged", "skipped", "refused"]
    why: str = ""

    def __str__(self) -> str:
        told = f"{self.action}: {shown(self.name)}"
        whose = f" ({shown(self.student)})" if self.student else ""
        return told + whose + (f": {shown(self.why, 400)}" if self.why else "")


@dataclass(frozen=True)
class Collected:
    """What became of every file of an archive, in its order."""

    outcomes: tuple[Outcome, ...]

    def students(self, *actions: str) -> list[str]:
        """The students with a file that met one of ``actions`` (default: whose work is in place), sorted."""
        wanted = actions or ("taken", "replaced", "unchanged")
        return sorted({o.student for o in self.outcomes if o.action in wanted and o.student})

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """The files that were not taken for something that is wrong with them."""
        return tuple(o for o in self.outcomes if o.action == "refused")


@dataclass
class _Staged:
    """One student's files as they are gathered, before they are put in place."""

    folder: Path
    spelling: str
    person: str
    problem: str = ""
    best: dict[str, tuple[tuple[Any, ...], int]] = field(default_factory=dict)  # by file: its rank and its outcome
    when: datetime | None = None
    bytes_left: int = STUDENT.total


def collect(
    archive: Path,
    submitted: Path,
    assignment: str,
    pattern: str | None = None,
    zone: tzinfo | None = None,
    keep: Path | None = None,
    limits: Limits = COURSE,
) -> Collected:
    """Put the notebooks of ``archive`` into ``<submitted>/<student>/<assignment>/``, and say what became of each file.

    It may hold nbgrader's own layout, files named as Moodle, Canvas and Blackboard name them or as ``pattern`` says
    (see `Naming`), and one archive a student. Of two files for one place the newer is taken. What a student had there
    before is moved below ``keep`` (default: ``.autograder/replaced`` beside ``submitted``). With ``zone`` the times in
    the archive become ``timestamp.txt``; a zip's are local times, of that zone. Raises `ArchiveError` for an archive of
    which nothing can be taken; then nothing has changed.
    """
    submitted = submitted.absolute()
    submitted.mkdir(parents=True, exist_ok=True)
    kept = (keep or submitted.parent / ".autograder" / "replaced") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=submitted) as scratch:
        gathering = _Gathering(
            Path(scratch), Naming(assignment, pattern, [archive.name.removesuffix(suffix(archive.name))])
        )
        for entry in entries(archive, limits):
            gathering.take(entry)
        return Collected(tuple(gathering.place(submitted, kept, zone)))


class _Gathering:
    """Sorts an archive's files to their owners in a scratch folder, then moves each owner's into place."""

    def __init__(self, scratch: Path, naming: Naming) -> None:
        self._scratch, self._naming = scratch, naming
        self._outcomes: list[Outcome] = []
        self._students: dict[str, _Staged] = {}

    def _say(self, name: str, student: str, action: Any, why: str = "") -> int:
        self._outcomes.append(Outcome(name, student, action, why))
        return len(self._outcomes) - 1

    def take(self, entry: Entry) -> None:
        """Take one file of the archive, or say why not."""
        if entry.problem:
            self._say(entry.name, "", "refused", entry.problem)
            return
        if is_clutter(entry.parts):
            return
        kind = suffix(entry.parts[-1]).lower()
        stamp = entry.parts[-2:] == (self._naming.assignment, "timestamp.txt")  # only nbgrader's own layout has one
        if kind != ".ipynb" and kind not in ARCHIVES and not stamp:
            self._say(entry.name, "", "skipped", "it is not a notebook")
            return
        owner = self._naming.owner(entry.parts)
        if isinstance(owner, str):
            self._say(entry.name, "", "refused", owner)
            return
        owner = Owner(owner.student.strip(), owner.file, owner.person, owner.when)
        problem = name_problem(owner.student) or name_problem(owner.file)
        if problem or owner.student.startswith("."):
            self._say(entry.name, "", "refused", problem or "a student's name cannot start with a dot")
            return
        staged = self._student(owner)
        when = _parsed(owner.when) or entry.when
        try:
            if kind in ARCHIVES:
                self._open(entry, owner, staged, when)
            else:
                self._stage(entry, owner, staged, when, entry.name, (when or datetime.min, 0, datetime.min))
        except _Refused as problem:
            self._say(entry.name, owner.student, "refused", str(problem))

    def _student(self, owner: Owner) -> _Staged:
        key = unicodedata.normalize("NFC", owner.student).casefold()
        staged = self._students.get(key)
        if staged is None:
            folder = self._scratch / str(len(self._students))
            folder.mkdir()
            staged = self._students[key] = _Staged(folder, owner.student, owner.person)
        if staged.spelling != owner.student:
            staged.problem = (
                f"{shown(staged.spelling)!r} and {shown(owner.student)!r} are one name on many systems; "
                "rename one of them"
            )
        elif staged.person != owner.person:
            staged.problem = "two people have this name; tell them apart with --pattern"
        return staged

    def _open(self, entry: Entry, owner: Owner, staged: _Staged, when: datetime | None) -> None:
        """Take the notebooks out of an archive that a student made. Its inside cannot say whose or how old it is."""
        packed = self._scratch / "packed"
        with packed.open("wb") as out:
            entry.copy(out, STUDENT.file)
        found = 0
        try:
            for inner in entries(packed, STUDENT):
                name = f"{entry.name}!{inner.name}"
                if inner.problem:
                    self._say(name, owner.student, "refused", inner.problem)
                elif is_clutter(inner.parts):
                    continue
                elif suffix(inner.parts[-1]).lower() in ARCHIVES:
                    self._say(name, owner.student, "refused", "an archive in a student's archive is not opened")
                elif suffix(inner.parts[-1]).lower() == ".ipynb":
                    found += 1
                    rank = (when or datetime.min, -len(inner.parts), inner.when or datetime.min)
                    inside = Owner(owner.student, inner.parts[-1], owner.person)
                    try:
                        self._stage(inner, inside, staged, when, name, rank)
                    except _Refused as problem:
                        self._say(name, owner.student, "refused", str(problem))
                else:
                    self._say(name, owner.student, "skipped", "it is not a notebook")
        except ArchiveError as error:
            raise _Refused(str(error).replace(packed.name, "it", 1)) from None
        finally:
            packed.unlink()
        if not found:
            raise _Refused("there is no notebook in it")

    def _stage(
        self,
        entry: Entry,
        owner: Owner,
        staged: _Staged,
        when: datetime | None,
        name: str,
        rank: tuple[Any, ...],
    ) -> None:
        """Write one file into the student's scratch folder, unless a newer one is there."""
        target, attempt = self._naming.rename(owner.file)
        rank = (*rank, attempt)
        before = staged.best.get(target)
        if before and before[0] > rank:
            self._say(name, owner.student, "skipped", "a newer file for the same place was taken")
            return
        if before is None and len(staged.best) >= MAX_NOTEBOOKS:
            raise _Refused("the student handed in more notebooks than anyone would")
        fresh = staged.folder / ".new"
        try:
            with fresh.open("wb") as out:
                entry.copy(out, min(MAX_STAMP if target == "timestamp.txt" else MAX_BYTES, staged.bytes_left))
            staged.bytes_left -= fresh.stat().st_size
            fresh.replace(staged.folder / target)
        finally:
            fresh.unlink(missing_ok=True)
        if before:
            older = self._outcomes[before[1]]
            how = "newer" if before[0] < rank else "later"
            self._outcomes[before[1]] = Outcome(
                older.name, older.student, "skipped", f"a {how} file for the same place was taken: {shown(name)}"
            )
        staged.best[target] = (rank, self._say(name, owner.student, "taken"))
        if target == f"{self._naming.assignment}.ipynb":
            zoned = entry.zoned or (owner.when and when is not None)
            staged.when = when.replace(tzinfo=UTC) if when is not None and zoned else when

    def place(self, submitted: Path, kept: Path, zone: tzinfo | None) -> list[Outcome]:
        """Move every student's files to where they belong; returns what became of all files."""
        existing = {unicodedata.normalize("NFC", name).casefold(): name for name in os.listdir(submitted)}
        for key, staged in sorted(self._students.items()):
            if not staged.best:
                continue
            there = existing.get(key, staged.spelling)
            staged.problem = staged.problem or _hindrance(submitted / there, staged)
            if staged.problem:
                self._mark(staged, "refused", staged.problem)
                continue
            self._stamp(staged, zone)
            folder = submitted / there / self._naming.assignment
            if _same(staged.folder, folder):
                self._mark(staged, "unchanged", "it was there already")
                continue
            try:
                folder.parent.mkdir(exist_ok=True)
                if folder.is_symlink() or folder.exists():
                    before = kept / there / self._naming.assignment
                    before.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(folder, before)
                    self._mark(staged, "replaced", f"what was there before is in {before}")
                staged.folder.rename(folder)
            except OSError as error:
                raise ArchiveError(f"{shown(str(folder))} could not be written: {error.strerror}") from error
        return self._outcomes

    def _mark(self, staged: _Staged, action: Any, why: str) -> None:
        for _, index in staged.best.values():
            said = self._outcomes[index]
            self._outcomes[index] = Outcome(said.name, said.student, action, why)

    def _stamp(self, staged: _Staged, zone: tzinfo | None) -> None:
        path = staged.folder / "timestamp.txt"
        if zone is None or staged.when is None or path.exists():
            return
        when = staged.when if staged.when.tzinfo else staged.when.replace(tzinfo=zone)
        with contextlib.suppress(OverflowError):
            path.write_text(when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC\n"))


def _hindrance(there: Path, staged: _Staged) -> str:
    """Why a student's files cannot be put into folder ``there``, in words; empty when they can."""
    if unicodedata.normalize("NFC", there.name) != staged.spelling:
        return f"there is a student called {shown(there.name)!r} already; rename one of them"
    if there.is_symlink() or (there.exists() and not there.is_dir()):
        return "what has the student's name in the folder of submissions is not a folder"
    if not any(name.endswith(".ipynb") for name in staged.best):
        return "no notebook came with it"
    return ""


def _parsed(text: str) -> datetime | None:
    if found := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)", text):
        text = "{}-{}-{} {}:{}:{}".format(*found.groups())
    try:
        when = dateutil.parser.parse(text) if text else None
        return when.astimezone(UTC).replace(tzinfo=None) if when and when.tzinfo else when
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return None


def _same(fresh: Path, there: Path) -> bool:
    """Whether two folders hold the same files. A timestamp counts only where the fresh folder has one."""
    if there.is_symlink() or not there.is_dir():
        return False
    names = set(os.listdir(fresh))
    if set(os.listdir(there)) - {"timestamp.txt"} != names - {"timestamp.txt"}:
        return False
    pairs = [(fresh / name, there / name) for name in names]
    return all(b.is_file() and not b.is_symlink() and filecmp.cmp(a, b, shallow=False) for a, b in pairs)


# --- the command --------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``autograder collect``."""
    parser.add_argument("assignment")
    parser.add_argument("archive", type=Path, help="a zip, tar or tar.gz of students' files")
    parser.add_argument("--submitted", type=Path, help="where to (default: submitted/ of the course)")
    parser.add_argument(
        "--pattern",
        metavar="REGEX",
        help="how file names say whose they are, with the groups (?P<student_id>…) and (?P<file_id>…); "
        "default: as nbgrader, Moodle, Canvas and Blackboard name them, or <student>_<assignment>.ipynb",
    )
    parser.add_argument(
        "--timestamps",
        metavar="ZONE",
        help="take the archive's file times as when work was handed in; a zip's are local times, of this zone "
        "(for example Europe/Vienna). Systems differ in what they write there, so look at a few first",
    )


def command(args: argparse.Namespace) -> int:
    """Run ``autograder collect``: returns 0, or 1 when something in the archive was refused."""
    assignment = load(find_root(args.root or Path.cwd()), args.assignment)
    submitted = args.submitted or assignment.root / "submitted"
    zone = None
    if args.timestamps:
        try:
            zone = ZoneInfo(args.timestamps)
        except (ValueError, OSError, LookupError):
            raise ArchiveError(
                f"there is no time zone {args.timestamps!r}; one is Europe/Vienna, another UTC"
            ) from None
    collected = collect(
        args.archive, submitted, assignment.name, args.pattern, zone, assignment.root / ".autograder" / "replaced"
    )
    for outcome in collected.outcomes:
        print(outcome)
    counts = {action: len(collected.students(action)) for action in ("taken", "replaced", "unchanged")}
    print(", ".join(f"{count} students' work {action}" for action, count in counts.items()), f"in {submitted}")
    if zone is None and collected.students("taken", "replaced"):
        print("no times were taken, so nobody counts as late; --timestamps ZONE takes the archive's")
    return int(bool(collected.refused))


# --- for nbgrader -------------------------------------------------------------------------------------------------


def unpack(archive: Path, folder: Path) -> list[Outcome]:
    """Write the files of an archive, and of archives in it, below ``folder``, and say what became of each.

    The same rules as in `collect`, but every file keeps its own path. Raises `ArchiveError` for an archive of which
    nothing can be taken.
    """
    outcomes: list[Outcome] = []
    _unpack(archive, folder, COURSE, outcomes, "")
    return outcomes


def _unpack(archive: Path, folder: Path, limits: Limits, outcomes: list[Outcome], inside: str) -> None:
    taken: set[tuple[str, ...]] = set()
    for entry in entries(archive, limits):
        name = inside + entry.name
        if not entry.problem and is_clutter(entry.parts):
            continue
        try:
            if entry.problem:
                raise _Refused(entry.problem)
            path = _write(entry, folder, taken, limits.file)
            outcomes.append(Outcome(name, "", "taken"))
            if suffix(path.name).lower() in ARCHIVES and not inside:
                try:
                    _unpack(
                        path, path.with_name(path.name.removesuffix(suffix(path.name))), STUDENT, outcomes, f"{name}!"
                    )
                except ArchiveError as error:
                    raise _Refused(str(error)) from None
                finally:
                    path.unlink()
        except _Refused as problem:
            outcomes.append(Outcome(name, "", "refused", str(problem)))


def _write(entry: Entry, folder: Path, taken: set[tuple[str, ...]], most: int) -> Path:
    key = tuple(part.casefold() for part in entry.parts)
    path = folder.joinpath(*entry.parts)
    if any(key[:n] in taken for n in range(1, len(key) + 1)) or path.exists():
        raise _Refused("another file of the archive has its name, or one that differs only in case")
    taken.add(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as out:
            entry.copy(out, most)
    except BaseException:
        path.unlink()
        raise
    return path
