"""Whether the file of a gradebook is a whole one. Reads it with SQLite alone, and changes nothing."""

import contextlib
import sqlite3
from pathlib import Path

TABLES = {"assignment", "student", "submitted_assignment", "grade", "comment"}  # of nbgrader's, those that hold grades


def damage(path: Path) -> str:
    """What is wrong with a gradebook's file, in words; empty when nothing is."""
    if not path.is_file():
        return "it is not a file"
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", 0.2, uri=True)) as database:
            if (found := database.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
                return str(found[0]).splitlines()[-1]
            have = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError as error:
        # Locked, or it may not be read: no damage, and whoever uses it next is told.
        return "" if _passes(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    lacks = sorted(TABLES - have)
    return f"it has no table {lacks[0]!r}, so it is another program's" if lacks else ""


def _passes(error: sqlite3.OperationalError) -> bool:
    return any(word in str(error) for word in ("locked", "unable to open", "readonly"))
