"""Backups: what cannot be made again, in one file, and how it is put back, whole or not at all.

A backup holds the gradebook (every score and comment that was given by hand is in it), the course's secret, all reports
and which of them is each student's latest. It does not hold submissions, what authors write, or what is made from all
that by `grade` and `feedback`.

To restore is to move: what a backup holds is unpacked beside and checked, then what is there now is moved to a folder
of ``backups/`` and what was unpacked to its place. A note says so until all is done, and whoever finds it goes on from
there, so a kill in between leaves nothing half restored.
"""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.course import files, places
from autograder.course.errors import AssignmentError
from autograder.grading import keys
from autograder.nbgrader.soundness import damage

CONTENTS = "contents.json"
FORMAT = 1
PARTS = (places.GRADEBOOK, places.SECRET, places.REPORTS, places.LATEST)
READY = places.STATE / "restoring"


@dataclass(frozen=True)
class Backup:
    """A backup that was made or put back: its file, when it was made, and how many reports it holds."""

    path: Path
    made: datetime
    reports: int
    gradebook: bool


def make(root: Path) -> Backup:
    """Write a backup of a course into ``backups/``, named by date and time.

    Raises `AssignmentError` when there is nothing to keep or the gradebook is damaged, `OSError` when the backup cannot
    be written; no part of one is left then.
    """
    now = datetime.now().astimezone()
    path = root / places.BACKUPS / f"{now:%Y-%m-%d_%H-%M-%S}.zip"
    kept = [part for part in PARTS if (root / part).exists()]
    if not kept:
        raise AssignmentError(f"there is nothing to keep in {root} yet: no gradebook, no secret and no report")
    if places.SECRET in kept:
        keys.course_secret(root)  # or it says what is wrong with the one there is
    with files.whole(path, 0o600) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        digests = {}
        for part in kept:
            for name, content in _contents(root, part):
                digests[name] = hashlib.sha256(content).hexdigest()
                archive.writestr(name, content)
        about = {"format": FORMAT, "course": root.name, "made": now.isoformat(), "sha256": digests}
        archive.writestr(CONTENTS, json.dumps(about, indent=1))
    return _about(path, about)


def _contents(root: Path, part: Path) -> list[tuple[str, bytes]]:
    if part == places.GRADEBOOK:
        return [(part.as_posix(), _copy_of_gradebook(root))]
    paths = sorted((root / part).rglob("*.json")) if (root / part).is_dir() else [root / part]
    return [(path.relative_to(root).as_posix(), path.read_bytes()) for path in paths]


def _copy_of_gradebook(root: Path) -> bytes:
    """The gradebook as it is between two changes, though another program may be writing to it."""
    try:
        with (
            files.scratch(root / places.STATE) as folder,
            contextlib.closing(sqlite3.connect(root / places.GRADEBOOK)) as source,
            contextlib.closing(sqlite3.connect(folder / "copy")) as copy,
        ):
            source.backup(copy)
            if (found := copy.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
                raise sqlite3.DatabaseError(found[0])
            return (folder / "copy").read_bytes()
    except sqlite3.Error as error:
        raise AssignmentError(_no_backup(root, error)) from error


def _no_backup(root: Path, error: sqlite3.Error) -> str:
    path = root / places.GRADEBOOK
    if "locked" in str(error):
        return f"{path} is in use by another program ({error}), so no backup was made; close it and try again"
    return (
        f"{path} is damaged ({error}), so no backup was made and those that there are stay as they are; "
        "`autograder restore` puts the last one back"
    )


def newest(root: Path) -> Path:
    """The backup that was made last. Raises `AssignmentError` when there is none."""
    found = sorted((root / places.BACKUPS).glob("*.zip"))
    if not found:
        raise AssignmentError(f"there is no backup in {root / places.BACKUPS}; `autograder backup` makes one")
    return found[-1]


def restore(root: Path, path: Path) -> tuple[Backup, Path]:
    """Put a backup back; returns it, and the folder that what was there was moved to.

    Reports that were made since stay. Raises `AssignmentError`, with everything as it was, for a file that is no whole
    backup, `OSError` when it cannot be unpacked.
    """
    aside = root / places.BACKUPS / f"before-restore-{datetime.now():%Y-%m-%d_%H-%M-%S}"
    ready = root / READY
    with files.scratch(root / places.STATE) as unpacked:
        about = _unpack(path, unpacked)
        for report in (root / places.REPORTS).rglob("*.json"):
            target = unpacked / report.relative_to(root)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(report, target)
        parts = [str(part) for part in PARTS if (unpacked / part).exists()]
        shutil.rmtree(ready, ignore_errors=True)
        unpacked.rename(ready)
    files.write_whole(root / places.RESTORING, json.dumps({"set_aside": aside.name, "parts": parts}))
    finish(root)
    return _about(path, about), aside


def finish(root: Path) -> None:
    """Go on with a restore that was interrupted, if there is one: each part is set aside, then put in place."""
    if not (root / places.RESTORING).exists():
        return
    note, ready = json.loads((root / places.RESTORING).read_bytes()), root / READY
    aside = root / places.BACKUPS / note["set_aside"]
    for part in map(Path, note["parts"]):
        if not (ready / part).exists():  # it is in its place
            continue
        # SQLite's own files beside a gradebook belong to that one alone.
        beside = [Path(f"{part}{end}") for end in ("-journal", "-wal", "-shm")] if part == places.GRADEBOOK else []
        for old in (*beside, part):
            if (root / old).exists():
                (aside / old).parent.mkdir(parents=True, exist_ok=True)
                (root / old).rename(aside / old)
        (root / part).parent.mkdir(exist_ok=True)
        (ready / part).rename(root / part)
    (root / places.RESTORING).unlink()
    shutil.rmtree(ready, ignore_errors=True)


def _unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Unpack a backup into ``folder``; returns what it says of itself. Raises `AssignmentError` unless it is whole."""
    if not path.is_file():
        raise AssignmentError(f"there is no file {path}; `autograder backup` makes one in {places.BACKUPS}/")
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(CONTENTS))
            if about["format"] != FORMAT:
                raise ValueError(f"it has format {about['format']}")
            for name, digest in about["sha256"].items():
                place = PurePosixPath(name)
                if ".." in place.parts or not any(place.is_relative_to(part) for part in PARTS):
                    raise ValueError(f"it holds {name!r}")
                content = archive.read(name)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise ValueError(f"{name} is not as it was")
                files.write_whole(folder / place, content, 0o666 if place == PurePosixPath(places.GRADEBOOK) else 0o600)
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError, AttributeError) as error:
        raise AssignmentError(
            f"{path} is not a whole backup ({error}); nothing was changed, so name another"
        ) from error
    if (folder / places.SECRET).exists() and (folder / places.SECRET).stat().st_size < keys.SECRET_BYTES:
        raise AssignmentError(f"the secret in {path} was cut short; nothing was changed, so name another")
    if (folder / places.GRADEBOOK).exists() and (problem := damage(folder / places.GRADEBOOK)):
        raise AssignmentError(f"the gradebook in {path} is damaged ({problem}); nothing was changed, so name another")
    return about


def _about(path: Path, about: dict[str, Any]) -> Backup:
    reports = sum(PurePosixPath(name).is_relative_to(places.REPORTS) for name in about["sha256"])
    return Backup(path, datetime.fromisoformat(about["made"]), reports, str(places.GRADEBOOK) in about["sha256"])
