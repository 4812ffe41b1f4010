"""Takes students' notebooks out of the archive that a learning-management system gives, into nbgrader's layout.

No name, size, time or count that the archive states is trusted. A file goes where its owner and the assignment say, and
its own name decides only who the owner is; a problem with one file refuses that file, a problem with one student's
archive refuses that archive, and only what is wrong with the whole refuses the whole.
"""

import contextlib
import filecmp
import os
import re
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Literal

from autograder.collect.archive_formats import NOTEBOOK, archive_entries, entry_kind, suffix
from autograder.collect.download_names import ANONYMOUS
from autograder.collect.entry import COURSE, STUDENT, ArchiveLimits, Entry
from autograder.collect.errors import ArchiveError, FileRefused
from autograder.collect.owners import Naming
from autograder.collect.people import folder_name, note_people, read_people
from autograder.collect.safe_names import CHECKPOINTS, name_problem, same_name_key
from autograder.course import places
from autograder.course.attention import Attention
from autograder.course.submission import MAX_BYTES, same_content
from autograder.course.text import printable

MAX_TIMESTAMP = 1000  # bytes of a timestamp.txt
MAX_NOTEBOOKS = 8  # of one student, wrongly named ones included
Action = Literal["taken", "replaced", "unchanged", "skipped", "refused"]


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file of an archive, and of a student whose name it gave."""

    name: str
    student: str
    action: Action
    why: str = ""

    def __str__(self) -> str:
        student = f" ({printable(self.student, 120)})" if self.student else ""
        why = f": {printable(self.why, 400)}" if self.why else ""
        return f"{self.action}: {printable(self.name, 120)}{student}{why}"


@dataclass(frozen=True)
class Collected:
    """What became of every file of an archive, in its order, and what is to be looked at."""

    outcomes: tuple[FileOutcome, ...]
    attention: tuple[Attention, ...] = ()

    def students(self, *actions: Action) -> list[str]:
        """The students with a file that met one of ``actions`` (default: whose work is in place), sorted."""
        wanted = actions or ("taken", "replaced", "unchanged")
        return sorted({o.student for o in self.outcomes if o.action in wanted and o.student})

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """The files that were not taken for something that is wrong with them."""
        return tuple(o for o in self.outcomes if o.action == "refused")


def collect(
    archive: Path,
    submitted: Path,
    assignment: str,
    pattern: str | None = None,
    zone: tzinfo | None = None,
    keep: Path | None = None,
    limits: ArchiveLimits = COURSE,
) -> Collected:
    """Put the notebooks of ``archive`` into ``<submitted>/<student>/<assignment>/``, and say what became of each file.

    It may hold nbgrader's own layout, files named as the systems in `download_names` name them or as ``pattern`` says
    (see `Naming`), and one archive a student. People of one name are told apart by the numbers that a system gives
    them, and keep their folders from one archive to the next. Of two files for one place the newer is taken. What a
    student had there before is moved below ``keep`` (default: ``.autograder/replaced`` beside ``submitted``). With
    ``zone`` the times in the archive become ``timestamp.txt``; a zip's are local times, of that zone. Raises
    `ArchiveError` for an archive of which nothing can be taken; then nothing has changed.
    """
    submitted = submitted.absolute()
    submitted.mkdir(parents=True, exist_ok=True)
    kept = (keep or submitted.parent / places.REPLACED) / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    naming = Naming(assignment, pattern, [archive.name.removesuffix(suffix(archive.name))])
    people_file = kept.parents[1] / places.PEOPLE.name
    noted = read_people(people_file, assignment)
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=submitted) as scratch:
        sorter = _StudentSorter(Path(scratch), naming)
        for entry in archive_entries(archive, limits):
            sorter.take(entry)
        sorter.tell_apart(noted)
        existing = {same_name_key(name): name for name in os.listdir(submitted)}
        attention: list[Attention] = []
        people: dict[str, str] = {}
        for files in sorter.in_order():
            student = existing.get(same_name_key(files.student), files.student)
            folder = submitted / student / assignment
            action, why = _put_in_place(files, folder, kept / student / assignment, zone)
            for _, index in files.taken.values():
                sorter.outcomes[index] = replace(sorter.outcomes[index], student=files.student, action=action, why=why)
            if action != "refused":
                people |= {student: files.person} if files.person else {}
                attention += _lateness(files, folder)
        if people:
            try:
                note_people(people_file, assignment, people)
            except OSError as error:
                raise ArchiveError(
                    f"{printable(str(people_file), 120)} could not be written: {error.strerror}"
                ) from error
        collected = Collected(tuple(sorter.outcomes))
        others = (*sorter.without_notebook(archive), *sorter.namesakes(submitted))
        return replace(collected, attention=(*_refused(collected, archive), *others, *attention))


@dataclass
class _StudentFiles:
    """One student's files in a scratch folder, before they are put in place."""

    folder: Path
    student: str
    person: str
    called: str  # as the archive calls the student
    problem: str = ""
    late: bool = False
    taken: dict[str, tuple[tuple[Any, ...], int]] = field(default_factory=dict)  # by file: its rank and its outcome
    when: datetime | None = None
    bytes_left: int = STUDENT.total


class _StudentSorter:
    """Sorts an archive's files into a scratch folder a student, and notes what becomes of each."""

    def __init__(self, scratch: Path, naming: Naming) -> None:
        self._scratch, self._naming = scratch, naming
        self.outcomes: list[FileOutcome] = []
        self.students: dict[tuple[str, str], _StudentFiles] = {}  # by name and number
        self._skipped: dict[tuple[str, str], tuple[str, list[str]]] = {}  # who, and the names of the files

    def take(self, entry: Entry) -> None:
        """Take one file of the archive, or note why not."""
        student = ""
        try:
            kind = entry_kind(entry)
            if kind == "clutter":
                if CHECKPOINTS in entry.parts and NOTEBOOK.search(entry.name):
                    self._skip(entry, "Jupyter saved it by itself")
                return
            # Only nbgrader's own layout has a time of its own.
            if kind == "other" and entry.parts[-2:] != (self._naming.assignment, "timestamp.txt"):
                self._skip(entry, "it is not a notebook")
                return
            owner = self._naming.owner(entry.parts)
            if problem := name_problem(owner.student) or name_problem(owner.file):
                raise FileRefused(problem)
            if owner.student.startswith("."):
                raise FileRefused("a student's name cannot start with a dot")
            student = owner.student
            files = self._files(student, owner.person)
            entry = replace(entry, when=owner.when or entry.when)
            if kind == "archive":
                self._take_archive(entry, files)
            else:
                self._take_file(entry, files, owner.file, (-owner.depth, datetime.min))
            files.late |= owner.late
        except FileRefused as refusal:
            self._note(entry.name, student, "refused", str(refusal))

    def _note(self, name: str, student: str, action: Action, why: str = "") -> None:
        self.outcomes.append(FileOutcome(name, student, action, why))

    def _skip(self, entry: Entry, why: str) -> None:
        """Note a file that is not taken, and whose it is as far as its name says it."""
        student = ""
        with contextlib.suppress(FileRefused):
            owner = self._naming.owner(entry.parts)
            if not name_problem(owner.student):
                student = owner.student
                names = self._skipped.setdefault((same_name_key(student), owner.person), (student, []))[1]
                names.append(entry.parts[-1])
        self._note(entry.name, student, "skipped", why)

    def without_notebook(self, archive: Path) -> Iterator[Attention]:
        """What to say of students of whose files none is a notebook."""
        refused = {outcome.student for outcome in self.outcomes if outcome.action == "refused"}
        for key, (student, names) in self._skipped.items():
            if student not in refused and not (key in self.students and self.students[key].taken):
                listed = ", ".join(names[:3]) + (" and more" if names[3:] else "")
                what, to_do = f"handed in no notebook but {listed}", "ask the student for the notebook"
                yield Attention(student, archive, what, to_do, ungraded=True)

    def _files(self, student: str, person: str) -> _StudentFiles:
        folder = self._scratch / str(len(self.students))
        key = same_name_key(student), person
        files = self.students.setdefault(key, _StudentFiles(folder, student, person, student))
        files.folder.mkdir(exist_ok=True)
        if files.student != student:
            files.problem = f"{files.student!r} and {student!r} are one name on many systems; rename one of them"
        return files

    def _by_name(self) -> dict[str, list[_StudentFiles]]:
        groups: dict[str, list[_StudentFiles]] = {}
        for (name, _), files in sorted(self.students.items()):
            if files.taken:
                groups.setdefault(name, []).append(files)
        return groups

    def tell_apart(self, noted: Mapping[str, str]) -> None:
        """Give people of one name folders of their own, by their numbers and what is ``noted`` of earlier archives."""
        for group in self._by_name().values():
            persons = {files.person for files in group}
            for files in group:
                if len(group) > 1 and "" in persons:
                    files.problem = "two people have this name; tell them apart with --pattern"
                else:
                    files.student = folder_name(files.called, files.person, persons, noted)
        names = Counter(same_name_key(files.student) for files in self.in_order() if not files.problem)
        for files in self.in_order():
            if names[same_name_key(files.student)] > 1:
                files.problem = "another student of the archive has this name; tell them apart with --pattern"

    def in_order(self) -> list[_StudentFiles]:
        """The students of whom something was taken."""
        return [files for group in self._by_name().values() for files in group]

    def namesakes(self, submitted: Path) -> Iterator[Attention]:
        """What to say of people of one name, and of names that stand for nobody."""
        for group in self._by_name().values():
            apart = [files for files in group if not files.problem and files.student != files.called]
            if apart:
                listed = " and ".join(sorted(files.student for files in group if not files.problem))
                to_do = "look up in the system's list of participants who has which number"
                if len(group) == 1 or any((submitted / files.called).is_dir() for files in apart):
                    to_do += f", and remove {submitted / apart[0].called} if it is one of them"
                what = f"more than one person is called {apart[0].called}; kept apart by the system's numbers: {listed}"
                yield Attention(apart[0].student, submitted / apart[0].student, what, to_do)
        for pattern, to_do in ANONYMOUS.items():
            hidden = [files.student for files in self.in_order() if re.fullmatch(pattern, files.student)]
            if hidden:
                what = f"{len(hidden)} students have a number for a name, {hidden[0]} for example"
                yield Attention("", submitted, what, to_do)

    def _take_archive(self, entry: Entry, files: _StudentFiles) -> None:
        """Take the notebooks out of an archive that a student made. Its inside cannot say whose or how old it is."""
        packed = self._scratch / "packed"
        with packed.open("wb") as out:
            entry.copy(out, STUDENT.file)
        has_notebook = False
        try:
            for inner in archive_entries(packed, STUDENT, "it"):
                name = f"{entry.name}!{inner.name}"
                try:
                    kind = entry_kind(inner)
                    if kind == "archive":
                        raise FileRefused("an archive in a student's archive is not opened")
                    if kind == "notebook":
                        has_notebook = True
                        within = (-len(inner.parts), _comparable(inner.when))
                        self._take_file(replace(inner, name=name, when=entry.when), files, inner.parts[-1], within)
                    elif kind == "other":
                        self._note(name, files.student, "skipped", "it is not a notebook")
                except FileRefused as refusal:
                    self._note(name, files.student, "refused", str(refusal))
        except ArchiveError as error:
            raise FileRefused(str(error)) from None
        finally:
            packed.unlink()
        if not has_notebook:
            raise FileRefused("there is no notebook in it")

    def _take_file(
        self, entry: Entry, files: _StudentFiles, name: str, within: tuple[int, datetime] = (0, datetime.min)
    ) -> None:
        """Write a file called ``name`` into the student's folder, unless a newer one for the same place is there.

        Of files of one age, that with the greater ``within`` is taken: those of one archive differ in it.
        """
        target, attempt = self._naming.stored_name(name)
        rank = (_comparable(entry.when), *within, attempt)
        before = files.taken.get(target)
        if before and before[0] > rank:
            self._note(entry.name, files.student, "skipped", "a newer file for the same place was taken")
            return
        if before is None and len(files.taken) >= MAX_NOTEBOOKS:
            raise FileRefused("the student handed in more notebooks than anyone would")
        fresh = files.folder / ".new"
        try:
            with fresh.open("wb") as out:
                entry.copy(out, min(MAX_TIMESTAMP if target == "timestamp.txt" else MAX_BYTES, files.bytes_left))
            files.bytes_left -= fresh.stat().st_size
            fresh.replace(files.folder / target)
        finally:
            fresh.unlink(missing_ok=True)
        if before:
            how = "newer" if before[0] < rank else "later"
            why = f"a {how} file for the same place was taken: {entry.name}"
            self.outcomes[before[1]] = replace(self.outcomes[before[1]], action="skipped", why=why)
        files.taken[target] = (rank, len(self.outcomes))
        self._note(entry.name, files.student, "taken")
        if target == f"{self._naming.assignment}.ipynb":
            files.when = entry.when


def _comparable(when: datetime | None) -> datetime:
    return (when or datetime.min).replace(tzinfo=None)


def _put_in_place(files: _StudentFiles, folder: Path, kept: Path, zone: tzinfo | None) -> tuple[Action, str]:
    """Move a student's files to ``folder``, and what is there to ``kept``; returns what became of them, and why."""
    place = folder.parent
    if files.problem:
        return "refused", files.problem
    if unicodedata.normalize("NFC", place.name) != files.student:
        return "refused", f"there is a student called {place.name!r} already; rename one of them"
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        return "refused", "what has the student's name in the folder of submissions is not a folder"
    if not any(name.endswith(".ipynb") for name in files.taken):
        return "refused", "no notebook came with it"
    if zone and files.when and "timestamp.txt" not in files.taken:
        when = files.when if files.when.tzinfo else files.when.replace(tzinfo=zone)
        with contextlib.suppress(OverflowError):
            (files.folder / "timestamp.txt").write_text(when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC\n"))
    if _same_files(files.folder, folder):
        return "unchanged", "it was there already"
    outcome: tuple[Action, str] = ("taken", "")
    try:
        place.mkdir(exist_ok=True)
        if folder.is_symlink() or folder.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, kept)
            outcome = ("replaced", f"what was there before is in {kept}")
        files.folder.rename(folder)
    except OSError as error:
        raise ArchiveError(f"{printable(str(folder), 120)} could not be written: {error.strerror}") from error
    return outcome


def _same_files(fresh: Path, place: Path) -> bool:
    """Whether two folders hold the same files. A timestamp counts only where the fresh folder has one."""
    if place.is_symlink() or not place.is_dir():
        return False
    names = set(os.listdir(fresh))
    more = set(os.listdir(place)) - names - {"timestamp.txt"}
    if not names <= {*os.listdir(place), "timestamp.txt"}:
        return False
    # A notebook of another name was copied to the right one; see `misplaced`.
    target = place / f"{place.name}.ipynb"
    if more and not (more == {target.name} and any(same_content(fresh / name, target) for name in names)):
        return False
    pairs = [(fresh / name, place / name) for name in names]
    return all(b.is_file() and not b.is_symlink() and filecmp.cmp(a, b, shallow=False) for a, b in pairs)


def _refused(collected: Collected, archive: Path) -> Iterator[Attention]:
    """What to say of files that were refused."""
    for outcome in collected.refused:
        to_do = "if it is somebody's work, put it where it belongs or ask for it"
        yield Attention(outcome.student, archive / outcome.name, outcome.why, to_do, ungraded=True)


def _lateness(files: _StudentFiles, folder: Path) -> Iterator[Attention]:
    """What to say of work that the system marks as late without a time, by which no lateness can be reckoned."""
    if files.late and not (folder / "timestamp.txt").exists():
        what = "Canvas marks it as late and gives no time, so that it does not count as late"
        stamp = folder / "timestamp.txt"
        yield Attention(
            files.student, folder, what, f"write the time into {stamp.name} there, as 2026-12-02 10:00:00 UTC"
        )
